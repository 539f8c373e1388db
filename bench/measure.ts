import type { LoadResult } from "./load.ts";
import { cpuSeconds } from "./processor.ts";

/** One server under load for some seconds. */
export interface Round {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the server for one request: holds also where the server was not busy. */
  readonly serverCpuUs: number;
  /** How busy each was, as a share of one core; those of load and Redis share a core. */
  readonly busy: { readonly server: number; readonly load: number; readonly redis: number };
}

/** Measures what `run` does to the server. The generator is this process or a child of it. */
export async function measureRound(
  run: () => Promise<LoadResult>,
  { serverPid, redisPid }: { readonly serverPid: number; readonly redisPid: number },
): Promise<Round> {
  const pids = [serverPid, Deno.pid, redisPid];
  const before = pids.map(cpuSeconds);
  const startMs = performance.now();
  const { requests, requestsPerSecond, p50Ms, p99Ms } = await run();
  const elapsedSeconds = (performance.now() - startMs) / 1000;
  const [server = NaN, load = NaN, redis = NaN] = pids.map((pid, i) =>
    cpuSeconds(pid) - (before[i] ?? NaN)
  );
  return {
    requestsPerSecond,
    p50Ms,
    p99Ms,
    serverCpuUs: server / requests * 1e6,
    busy: {
      server: server / elapsedSeconds,
      load: load / elapsedSeconds,
      redis: redis / elapsedSeconds,
    },
  };
}
