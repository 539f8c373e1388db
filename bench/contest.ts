import { findProgram } from "../tests/support/find_program.ts";
import type { RedisServer } from "../tests/support/redis_server.ts";
import { GrpcLoad } from "./grpc_load.ts";
import type { Load } from "./load.ts";
import { measureRound, type Round } from "./measure.ts";
import { cacheDialect, webdisDialect } from "./rest_dialects.ts";
import { RestLoad } from "./rest_load.ts";
import {
  type Api,
  type Server,
  startHonoRedis,
  startReplay,
  startService,
  startWebdis,
} from "./servers.ts";
import type { Workload } from "./workloads.ts";

/**
 * The servers: a bare one that repeats recorded answers, the service with its entries in memory, in
 * Redis with a near cache (`open`: the same without identity;
 * `quiet`: without metrics and logs), and in Redis alone, and those it is
 * compared with.
 */
export type Target = "ceiling" | "memory" | "near" | "open" | "quiet" | "redis" | "hono" | "webdis";

/** Where what is not the cache itself weighs most. */
const HOT_WORKLOAD = "get_1k";

export interface RoundPlan {
  readonly rounds: number;
  readonly roundSeconds: number;
  readonly warmUpSeconds: number;
}

/** What one server did in all rounds of a workload. */
export interface Result {
  readonly api: Api;
  readonly workload: string;
  readonly target: Target;
  readonly rounds: readonly Round[];
}

interface Contestant {
  readonly target: Target;
  readonly server: Server;
  readonly load: Load;
}

/**
 * Runs a workload against all servers of an interface: each of them stored and warmed up first, then
 * in turn, round by round, so that whatever disturbs the machine for a while disturbs all of them.
 */
export async function contest(
  { api, workload }: { readonly api: Api; readonly workload: Workload },
  { plan, redis, folder }: {
    readonly plan: RoundPlan;
    readonly redis: RedisServer;
    /** For files that live as long as the run. */
    readonly folder: string;
  },
): Promise<Result[]> {
  await redis.command("FLUSHALL");
  await using stack = new AsyncDisposableStack();
  const contestants = await lineUp({ api, workload }, { redis, folder, stack });
  for (const { server, load } of contestants) await load.run(server.port, plan.warmUpSeconds);
  const results = contestants.map(({ target }) => ({
    api,
    workload: workload.name,
    target,
    rounds: new Array<Round>(),
  }));
  for (let round = 0; round < plan.rounds; round++) {
    for (const [i, { server, load }] of contestants.entries()) {
      const measured = await measureRound(
        () => load.run(server.port, plan.roundSeconds),
        { serverPid: server.pid, redisPid: redis.pid },
      );
      results[i]?.rounds.push(measured);
    }
  }
  return results;
}

async function lineUp(
  { api, workload }: { readonly api: Api; readonly workload: Workload },
  { redis, folder, stack }: {
    readonly redis: RedisServer;
    readonly folder: string;
    readonly stack: AsyncDisposableStack;
  },
): Promise<Contestant[]> {
  const load = api === "grpc"
    ? new GrpcLoad(workload)
    : new RestLoad(workload, { dialect: cacheDialect, folder });
  const enter = async (
    target: Target,
    server: Server,
    itsLoad: Load = load,
  ): Promise<Contestant> => {
    stack.use(server);
    await itsLoad.prepare(server.port);
    return { target, server, load: itsLoad };
  };
  const memory = await enter("memory", await startService(api));
  const recording = `${folder}/${workload.name}_${api}.json`;
  await Deno.writeTextFile(recording, JSON.stringify(await load.record(memory.server.port)));
  const ceiling = await startReplay(api, recording);
  stack.use(ceiling);
  const contestants: Contestant[] = [
    { target: "ceiling", server: ceiling, load },
    memory,
    await enter("near", await startService(api, { redisAddress: redis.address, nearCache: true })),
    await enter("redis", await startService(api, { redisAddress: redis.address })),
  ];
  if (workload.name === HOT_WORKLOAD) {
    const near = { redisAddress: redis.address, nearCache: true };
    contestants.push(await enter("open", await startService(api, { ...near, open: true })));
    contestants.push(await enter("quiet", await startService(api, { ...near, quiet: true })));
  }
  if (api === "grpc") return contestants;
  contestants.push(await enter("hono", await startHonoRedis(redis.port)));
  if (findProgram("webdis") !== undefined) {
    const webdis = new RestLoad(workload, { dialect: webdisDialect, folder });
    contestants.push(await enter("webdis", await startWebdis(redis.port), webdis));
  }
  return contestants;
}
