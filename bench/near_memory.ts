import type { RedisServer } from "../tests/support/redis_server.ts";
import { RestDriver } from "../tests/support/rest_driver.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { residentBytes } from "../tests/support/resident_bytes.ts";
import { TOKEN } from "./identity.ts";
import type { Program } from "./resting.ts";
import { startService } from "./servers.ts";

export const NEAR_ENTRIES = 100_000;
const VALUE_BYTES = 1024;
const BATCH_KEYS = 100;
/** Room for all of them beyond what the service reckons for each. */
const MAX_MEMORY_MB = 512;

const SETTLE_INTERVAL_MS = 1000;
const SETTLE_SAMPLES = 5;
const SETTLE_SHARE = 0.01;
const SETTLE_DEADLINE_MS = 60_000;

/** What a full near cache takes. */
export interface NearMemory {
  readonly program: Program;
  /** Resident memory before the first entry, and with all of them. */
  readonly idleBytes: number;
  readonly fullBytes: number;
  /** What the service itself reckons, by `cache_memory_usage_bytes`. */
  readonly reckonedBytes: number;
}

/** Fills the near cache of a service over Redis with entries of 1 KiB. */
export async function measureNearMemory(
  { redis, binary }: { readonly redis: RedisServer; readonly binary: string | undefined },
): Promise<NearMemory> {
  await redis.command("FLUSHALL");
  await using server = await startService("rest", {
    redisAddress: redis.address,
    nearCache: true,
    settings: {
      CACHE_LOCAL_CACHE_SIZE: `${NEAR_ENTRIES}`,
      CACHE_MAX_MEMORY_MB: `${MAX_MEMORY_MB}`,
    },
    ...(binary === undefined ? {} : { binary }),
  });
  const origin = `http://127.0.0.1:${server.port}`;
  const idleBytes = await settledBytes(server.pid);
  await fill(origin);
  const entries = await gauge(origin, "cache_local_entries");
  if (entries !== NEAR_ENTRIES) throw new Error(`the near cache holds ${entries} entries`);
  const fullBytes = await settledBytes(server.pid);
  return {
    program: binary === undefined ? "run" : "binary",
    idleBytes,
    fullBytes,
    reckonedBytes: await gauge(origin, "cache_memory_usage_bytes"),
  };
}

async function fill(origin: string): Promise<void> {
  const rest = new RestDriver(origin, { token: TOKEN });
  const value = new SeededRandom(1).bytes(VALUE_BYTES);
  for (let stored = 0; stored < NEAR_ENTRIES; stored += BATCH_KEYS) {
    const entries = new Map(
      Array.from({ length: BATCH_KEYS }, (_, i) => [`k${stored + i}`, value]),
    );
    const { storedCount } = await rest.batchSet({ namespace: "bench", entries });
    if (storedCount !== BATCH_KEYS) throw new Error(`of a batch ${storedCount} were stored`);
  }
}

/** Resident memory once it has hardly moved for some seconds. */
async function settledBytes(pid: number): Promise<number> {
  const deadlineMs = performance.now() + SETTLE_DEADLINE_MS;
  const recent: number[] = [];
  while (performance.now() < deadlineMs) {
    const bytes = residentBytes(pid);
    recent.push(bytes);
    if (recent.length > SETTLE_SAMPLES) recent.shift();
    const range = Math.max(...recent) - Math.min(...recent);
    if (recent.length === SETTLE_SAMPLES && range < SETTLE_SHARE * bytes) return bytes;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_INTERVAL_MS));
  }
  throw new Error(`the memory of process ${pid} did not settle in ${SETTLE_DEADLINE_MS} ms`);
}

async function gauge(origin: string, name: string): Promise<number> {
  const metrics = await (await fetch(`${origin}/metrics`)).text();
  const value = new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1];
  if (value === undefined) throw new Error(`there is no metric ${name}`);
  return Number(value);
}
