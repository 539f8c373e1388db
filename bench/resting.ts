import type { RedisServer } from "../tests/support/redis_server.ts";
import { AUTHORIZATION } from "./identity.ts";
import { residentBytes } from "./processor.ts";
import { startService } from "./servers.ts";
import { type Spread, spread } from "./statistics.ts";

const START_UPS = 5;

/** What the service takes before anyone uses it. */
export interface Resting {
  readonly backend: "memory" | "redis";
  /** From starting the process to the first answer about a key. */
  readonly startUpMs: Spread;
  readonly idleBytes: number;
}

/** Starts the service several times, and leaves the last one alone for `idleSeconds`. */
export async function measureResting(
  backend: Resting["backend"],
  { redis, idleSeconds }: { readonly redis: RedisServer; readonly idleSeconds: number },
): Promise<Resting> {
  const options = backend === "redis" ? { redisAddress: redis.address } : {};
  const startUpsMs: number[] = [];
  let idleBytes = NaN;
  for (let i = 1; i <= START_UPS; i++) {
    const startMs = performance.now();
    await using server = await startService("rest", options);
    const answer = await fetch(`http://127.0.0.1:${server.port}/api/v1/cache/bench/none`, {
      headers: { Authorization: AUTHORIZATION },
    });
    startUpsMs.push(performance.now() - startMs);
    await answer.body?.cancel();
    if (answer.status !== 404) throw new Error(`a miss was answered by ${answer.status}`);
    if (i < START_UPS) continue;
    await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1000));
    idleBytes = residentBytes(server.pid);
  }
  return { backend, startUpMs: spread(startUpsMs), idleBytes };
}
