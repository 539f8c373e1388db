import { CacheService, type CacheServiceParts } from "../../src/cache/cache_service.ts";
import type { Local } from "../../src/cache/local.ts";
import type { NearCache } from "../../src/cache/near_cache.ts";
import type { ReplayOutcome } from "../../src/cache/recovery.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import type { RedisStore } from "../../src/store/redis_store.ts";
import { systemClock, systemRandom } from "../../src/system.ts";
import { createService } from "./cache_services.ts";
import { createCopies, createLocal } from "./locals.ts";
import { openRedisStore, type TestStoreOptions } from "./redis_stores.ts";

export interface ReplicaOptions extends TestStoreOptions {
  readonly mode?: "near" | "fallback";
  readonly maxAgeMs?: number;
  readonly journalEntries?: number;
  readonly acceptsWrites?: boolean;
  readonly envelope?: Envelope;
}

/** A cache service with near cache and journal over a real Redis, as one process has it. */
export interface Replica extends AsyncDisposable {
  readonly service: CacheService;
  readonly store: RedisStore;
  readonly local: Local;
  readonly near: NearCache;
  readonly replayed: Record<ReplayOutcome, number>;
}

/** Opens a replica; it is not waited for. */
export function openReplica(options: ReplicaOptions): Replica {
  const { clock = systemClock } = options;
  const { mode = "near", maxAgeMs = 60_000 } = options;
  const { near, copies } = createCopies({
    clock,
    mode,
    maxAgeMs,
    maxEntries: 100_000,
    maxBytes: 256 * 1024 * 1024,
  });
  const store = openRedisStore({ ...options, listener: copies });
  const replayed: Record<ReplayOutcome, number> = { replayed: 0, superseded: 0, expired: 0 };
  const local: Local = {
    ...createLocal(store, {
      clock,
      copies,
      journalEntries: options.journalEntries ?? 100_000,
      journalBytes: 64 * 1024 * 1024,
      acceptsWrites: options.acceptsWrites ?? true,
      onReplayed: (outcome) => replayed[outcome]++,
    }),
    mode: () => store.tracking === "refused" ? "fallback" : mode,
  };
  const { envelope } = options;
  const parts: Partial<CacheServiceParts> = {
    local,
    writerId: systemRandom.uint32(),
    ...(envelope === undefined ? {} : { envelope }),
  };
  const service = createService(store, { clock, ...parts });
  return {
    service,
    store,
    local,
    near,
    replayed,
    async [Symbol.asyncDispose](): Promise<void> {
      await local.recovery.finish(0);
      await store.close();
    },
  };
}

/** Opens a replica and waits until its connections serve and, in near mode, are tracked. */
export async function connectReplica(options: ReplicaOptions): Promise<Replica> {
  const replica = openReplica(options);
  await replica.store.connected;
  const endsAtMs = performance.now() + 5000;
  while (replica.store.tracking === "off" && performance.now() < endsAtMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return replica;
}
