/**
 * Measures the service side by side with a bare server and with what one might use instead:
 *
 *     deno task bench                  all of it, about 20 minutes; writes docs/benchmarks.md and .json
 *     deno task bench --quick          short rounds, to see that everything works; writes nothing
 *     deno task bench --quick --save   the same, 6 minutes, and writes them
 *     deno task bench --only set_1k    one workload (get_1k, get_16k, miss, set_1k, set_16k, batch,
 *                                      mix) or `resting`; writes nothing
 *     deno task bench --binary PATH    with this compiled program in place of dist/cache-service
 *
 * Needs Linux with two cores, `taskset` (util-linux), `wrk` and `redis-server`; `webdis` is optional.
 * Nothing here passes or fails by its speed. Close what else works the machine.
 */
// deno-lint-ignore-file no-console -- a command: its result goes to standard output
import { parseArgs } from "node:util";
import { findProgram } from "../tests/support/find_program.ts";
import { type RedisServer, startRedis } from "../tests/support/redis_server.ts";
import { describeBinary, findBinary } from "./binary.ts";
import { contest, type Result, type RoundPlan } from "./contest.ts";
import { describeMachine } from "./machine.ts";
import { LOAD_CORE, pinProcess } from "./processor.ts";
import { measureNearMemory } from "./near_memory.ts";
import { markdown, type Report } from "./report.ts";
import { measureResting } from "./resting.ts";
import type { RestingReport } from "./resting_report.ts";
import { workloads } from "./workloads.ts";

const FULL: RoundPlan = { rounds: 3, roundSeconds: 5, warmUpSeconds: 3 };
const QUICK: RoundPlan = { rounds: 3, roundSeconds: 1, warmUpSeconds: 1 };
const IDLE_SECONDS = 5;
const RESTING = "resting";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    only: { type: "string" },
    binary: { type: "string" },
  },
});
const report = await measure(options);
const isSaved = options.save || !options.quick && options.only === undefined;
const docs = new URL("../docs/", import.meta.url);
if (isSaved) {
  Deno.writeTextFileSync(
    new URL("benchmarks.json", docs),
    `${JSON.stringify(report, undefined, 2)}\n`,
  );
}
const text = markdown(report);
console.log(text);
if (isSaved) Deno.writeTextFileSync(new URL("benchmarks.md", docs), text);

async function measure(
  { quick, only, binary }: {
    readonly quick: boolean;
    readonly only?: string;
    readonly binary?: string;
  },
): Promise<Report> {
  const missing = ["taskset", "wrk", "redis-server"].filter((name) => !findProgram(name));
  if (missing.length > 0) throw new Error(`the benchmarks need ${missing.join(", ")} on PATH`);
  const all = workloads();
  const wanted = all.filter(({ name }) => only === undefined || name === only);
  if (wanted.length === 0 && only !== RESTING) {
    throw new Error(`--only takes ${all.map(({ name }) => name).join(", ")} or ${RESTING}`);
  }
  const binaryPath = findBinary(binary);
  // Before anything starts: Redis and the load generators inherit the core.
  await pinProcess(Deno.pid, LOAD_CORE);
  await using redis = await startRedis();
  const machine = await describeMachine(redis);
  const plan = quick ? QUICK : FULL;
  const folder = await Deno.makeTempDir({ prefix: "cache-service-bench-" });
  try {
    const results: Result[] = [];
    for (const api of ["rest", "grpc"] as const) {
      for (const workload of wanted) {
        console.error(`${api}: ${workload.title}`);
        results.push(...await contest({ api, workload }, { plan, redis, folder }));
      }
    }
    const isRestWanted = only === undefined || only === RESTING;
    const resting = isRestWanted ? { resting: await measureRest(redis, binaryPath) } : {};
    const titles = Object.fromEntries(wanted.map(({ name, title }) => [name, title]));
    return { machine, plan, workloads: titles, results, ...resting };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function measureRest(
  redis: RedisServer,
  binary: string | undefined,
): Promise<RestingReport> {
  const startUps = [];
  for (const backend of ["memory", "redis"] as const) {
    console.error(`at rest: ${backend}`);
    startUps.push(...await measureResting(backend, { redis, binary, idleSeconds: IDLE_SECONDS }));
  }
  console.error("at rest: a full near cache");
  const near = [await measureNearMemory({ redis, binary: undefined })];
  if (binary === undefined) return { startUps, near };
  near.push(await measureNearMemory({ redis, binary }));
  return { binary: await describeBinary(binary), startUps, near };
}
