import { CacheService, type CacheServiceParts } from "../../src/cache/cache_service.ts";
import { Copies } from "../../src/cache/copies.ts";
import type { Local } from "../../src/cache/local.ts";
import { NearCache } from "../../src/cache/near_cache.ts";
import { OutageJournal } from "../../src/cache/outage_journal.ts";
import { Recovery, type ReplayOutcome } from "../../src/cache/recovery.ts";
import type { RedisStore } from "../../src/store/redis_store.ts";
import { systemClock, systemRandom } from "../../src/system.ts";
import { createService } from "./cache_services.ts";
import { openRedisStore, silentLogger, type TestStoreOptions } from "./redis_stores.ts";

export interface ReplicaOptions extends TestStoreOptions {
  readonly mode?: "near" | "fallback";
  readonly maxAgeMs?: number;
  readonly journalEntries?: number;
  readonly acceptsWrites?: boolean;
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
  const near = new NearCache({
    policy: "lru",
    maxEntries: 100_000,
    maxBytes: 256 * 1024 * 1024,
    onEviction: () => {},
  });
  const copies: Local["copies"] = new Copies({
    near,
    clock,
    mode: options.mode ?? "near",
    maxAgeMs: options.maxAgeMs ?? 60_000,
  });
  const store = openRedisStore({ ...options, listener: copies });
  const journal = new OutageJournal({
    maxEntries: options.journalEntries ?? 100_000,
    maxBytes: 64 * 1024 * 1024,
  });
  const replayed: Record<ReplayOutcome, number> = { replayed: 0, superseded: 0, expired: 0 };
  const recovery = new Recovery({
    store,
    journal,
    copies,
    clock,
    logger: silentLogger,
    onReplayed: (outcome) => replayed[outcome]++,
  });
  const local: Local = {
    copies,
    journal,
    recovery,
    acceptsWrites: options.acceptsWrites ?? true,
    mode: () => store.tracking === "refused" ? "fallback" : options.mode ?? "near",
  };
  const parts: Partial<CacheServiceParts> = { local, writerId: systemRandom.uint32() };
  const service = createService(store, { clock, ...parts });
  return {
    service,
    store,
    local,
    near,
    replayed,
    async [Symbol.asyncDispose](): Promise<void> {
      await recovery.finish(0);
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
