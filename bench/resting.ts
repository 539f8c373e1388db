import type { RedisServer } from "../tests/support/redis_server.ts";
import { residentBytes } from "../tests/support/resident_bytes.ts";
import { AUTHORIZATION } from "./identity.ts";
import { type ServiceOptions, startService } from "./servers.ts";
import { type Spread, spread } from "./statistics.ts";

const START_UPS = 7;

/** How the service is run: from source, or compiled. */
export type Program = "run" | "binary";

/** What the service takes before anyone uses it. */
export interface Resting {
  readonly backend: "memory" | "redis";
  readonly program: Program;
  /** From starting the process to the first answer about a key. */
  readonly startUpMs: Spread;
  /** The same over that of `run` started just before. */
  readonly startUpRatio: Spread;
  readonly idleBytes: number;
}

/**
 * Starts each program several times in turn, so that whatever disturbs the machine for a while
 * disturbs both, and leaves the last of each alone for `idleSeconds`.
 */
export async function measureResting(
  backend: Resting["backend"],
  { redis, binary, idleSeconds }: {
    readonly redis: RedisServer;
    /** Where the compiled program is; only the source is run without it. */
    readonly binary: string | undefined;
    readonly idleSeconds: number;
  },
): Promise<Resting[]> {
  const redisAddress = backend === "redis" ? { redisAddress: redis.address } : {};
  const programs: { readonly program: Program; readonly options: ServiceOptions }[] = [
    { program: "run", options: redisAddress },
  ];
  if (binary !== undefined) {
    programs.push({ program: "binary", options: { ...redisAddress, binary } });
  }
  const measured = programs.map((each) => ({
    ...each,
    startUpsMs: new Array<number>(),
    idleBytes: NaN,
  }));
  for (let i = 1; i <= START_UPS; i++) {
    for (const each of measured) {
      const startMs = performance.now();
      await using server = await startService("rest", each.options);
      await missOnce(server.port);
      each.startUpsMs.push(performance.now() - startMs);
      if (i < START_UPS) continue;
      await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1000));
      each.idleBytes = residentBytes(server.pid);
    }
  }
  const bases = measured[0]?.startUpsMs ?? [];
  return measured.map(({ program, startUpsMs, idleBytes }) => ({
    backend,
    program,
    startUpMs: spread(startUpsMs),
    startUpRatio: spread(startUpsMs.map((ms, i) => ms / (bases[i] ?? NaN))),
    idleBytes,
  }));
}

async function missOnce(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/cache/bench/none`, {
    headers: { Authorization: AUTHORIZATION },
  });
  await answer.body?.cancel();
  if (answer.status !== 404) throw new Error(`a miss was answered by ${answer.status}`);
}
