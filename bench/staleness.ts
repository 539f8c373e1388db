// How long a near cache is behind, and how long an outage of Redis is felt after its end:
//
//   deno run --allow-all bench/staleness.ts [--rounds 3] [--writes 10000]
//
// Two service processes as shipped over one Redis, used by REST from this process: with two
// replicas in one process both would share an event loop, and the invalidation would wait for the
// write's own work. Nothing is pinned to a core. The result is Markdown on standard output.
// deno-lint-ignore-file no-console -- a command: its result goes to standard output
import { parseArgs } from "node:util";
import { type ReplicaProcess, startReplica } from "../tests/e2e/replica_process.ts";
import { startRedis } from "../tests/support/redis_server.ts";
import { describeMachine } from "./machine.ts";
import { measureRecovery, measureReplay } from "./outage.ts";
import { percentile, spread } from "./statistics.ts";

const KEYS = 100;
const RECOVERIES = 10;
const JOURNAL_ENTRIES = 50_000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    writes: { type: "string", default: "10000" },
  },
});
const rounds = Number(options.rounds);
const writes = Number(options.writes);

await using redis = await startRedis({ appendOnly: true });
const machine = await describeMachine(redis);
await using a = await startReplica(redis.address, {});
await using b = await startReplica(redis.address, {});

const rows = new Map<string, number[]>();
function note(name: string, value: number): void {
  const values = rows.get(name);
  if (values === undefined) rows.set(name, [value]);
  else values.push(value);
}

for (let round = 1; round <= rounds; round++) {
  console.error(`round ${round} of ${rounds}: staleness`);
  const { sinceAcknowledgedMs, sinceSentMs, staleReads } = await measureStaleness(a, b);
  for (const percent of [50, 99, 99.9, 100]) {
    const name = percent === 100 ? "max" : `p${percent}`;
    note(`acknowledged on A to right on B, ${name} (ms)`, percentile(sinceAcknowledgedMs, percent));
    note(`sent to A to right on B, ${name} (ms)`, percentile(sinceSentMs, percent));
  }
  note("reads of an old value after the acknowledgement, of all writes (%)", staleReads);

  console.error(`round ${round} of ${rounds}: recovery`);
  const first: number[] = [];
  const all: number[] = [];
  for (let i = 0; i < RECOVERIES; i++) {
    const { firstMs, allMs } = await measureRecovery(redis, { replica: a, downMs: 1000 + 300 * i });
    first.push(firstMs);
    all.push(allMs);
  }
  note(`PING answered to first normal answer, median of ${RECOVERIES} (ms)`, spread(first).median);
  note(`PING answered to first normal answer, max of ${RECOVERIES} (ms)`, spread(first).max);
  note(`PING answered to all keys normal, median of ${RECOVERIES} (ms)`, spread(all).median);
  note(`PING answered to all keys normal, max of ${RECOVERIES} (ms)`, spread(all).max);

  console.error(`round ${round} of ${rounds}: replay`);
  const replay = await measureReplay(redis, { replica: a, entries: JOURNAL_ENTRIES });
  note(`replay of ${JOURNAL_ENTRIES} entries (entries/s)`, replay.entriesPerSecond);
  note("live requests meanwhile (requests/s)", replay.liveRequestsPerSecond);
  note("live requests meanwhile, p50 (ms)", replay.liveP50Ms);
  note("live requests meanwhile, p99 (ms)", replay.liveP99Ms);
}

console.log(
  `${machine.processor}, ${machine.cores} cores, ${machine.kernel}, Deno ${machine.deno},`,
);
console.log(`Redis ${machine.redis}, ${machine.date}, ${machine.commit}`);
console.log(`load before ${machine.loadBefore.toFixed(1)}; after ${Deno.loadavg()[0]?.toFixed(1)}`);
console.log(`\n| measured (${rounds} rounds) | median | range |\n| --- | --: | --: |`);
for (const [name, values] of rows) {
  const { median, min, max } = spread(values);
  console.log(`| ${name} | ${digits(median)} | ${digits(min)} – ${digits(max)} |`);
}

/**
 * Writes to `writer` what `reader` has in its near cache, and reads there until it is right. The
 * time of the first right read is part of each figure, so they err to the longer side.
 */
async function measureStaleness(
  { rest: writer }: ReplicaProcess,
  { rest: reader }: ReplicaProcess,
): Promise<{ sinceAcknowledgedMs: number[]; sinceSentMs: number[]; staleReads: number }> {
  const sinceAcknowledgedMs: number[] = [];
  const sinceSentMs: number[] = [];
  let stale = 0;
  const fresh = { noCache: false };
  for (let i = 0; i < writes; i++) {
    const key = `staleness-${i % KEYS}`;
    if (i < KEYS) await writer.set(key, "first");
    let source: string | undefined;
    while (source !== "local") ({ source } = await reader.get(key, fresh));
    const value = `${performance.now()}`;
    const sentAtMs = performance.now();
    await writer.set(key, value);
    const acknowledgedAtMs = performance.now();
    while ((await reader.get(key, fresh)).found?.value !== value) stale++;
    const rightAtMs = performance.now();
    sinceAcknowledgedMs.push(rightAtMs - acknowledgedAtMs);
    sinceSentMs.push(rightAtMs - sentAtMs);
  }
  return { sinceAcknowledgedMs, sinceSentMs, staleReads: 100 * stale / writes };
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
