import { Copies } from "../cache/copies.ts";
import type { Local } from "../cache/local.ts";
import { NearCache } from "../cache/near_cache.ts";
import { OutageJournal } from "../cache/outage_journal.ts";
import { Recovery } from "../cache/recovery.ts";
import type { Config } from "../config.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { ChangeListener } from "../core/coherence.ts";
import type { Logger, Meter } from "../core/telemetry.ts";
import { readAuthority } from "../system/authority.ts";
import { MemoryStore } from "../store/memory_store.ts";
import type { RedisStore, RedisStoreParts } from "../store/redis_store.ts";
import type { Gauges } from "../telemetry/prometheus_meter.ts";

/** The store, and what this process keeps beside it where that is on. */
export interface Storage {
  readonly store: MemoryStore | RedisStore;
  readonly local: Local | undefined;
  /** What of it is shown in metrics. */
  readonly gauges: Omit<Gauges, "isDegraded" | "droppedLogLines">;
}

interface StorageParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly meter: Meter;
}

/** Opens the storage that the settings ask for; its store is to be closed. */
export async function openStorage(config: Config, parts: StorageParts): Promise<Storage> {
  if (config.cache.backend === "memory") return openMemory(config, parts);
  if (!config.cache.localCacheEnabled) {
    const store = await openRedis(config, parts);
    return { store, local: undefined, gauges: { ...NONE, breakers: () => store.breakers } };
  }
  return openNear(config, parts);
}

const NONE = {
  memoryBytes: () => 0,
  localEntries: () => 0,
  breakers: () => ({}),
  journalEntries: () => 0,
  journalBytes: () => 0,
  isTracking: () => false,
};

function openMemory({ cache }: Config, { clock, meter }: StorageParts): Storage {
  const { maxMemoryBytes: maxBytes, tombstoneTtlMs } = cache;
  const onEviction = (reason: string): void => meter.eviction(reason, 1);
  const store = new MemoryStore({ clock, maxBytes, tombstoneTtlMs, onEviction });
  const gauges = { ...NONE, memoryBytes: () => store.bytes, localEntries: () => store.size };
  return { store, local: undefined, gauges };
}

async function openNear(config: Config, parts: StorageParts): Promise<Storage> {
  const { cache } = config;
  const { clock, logger, meter } = parts;
  const near = new NearCache({
    policy: cache.evictionPolicy,
    maxEntries: cache.localCacheSize,
    maxBytes: cache.maxMemoryBytes,
    onEviction: (reason, copies) => meter.eviction(reason, copies),
  });
  const { localCacheMode, localMaxAgeMs: maxAgeMs } = cache;
  const copies: Local["copies"] = new Copies({ near, clock, mode: localCacheMode, maxAgeMs });
  const listener: ChangeListener = {
    changed: (key) => {
      meter.trackingInvalidation();
      copies.changed(key);
    },
    allChanged: () => {
      meter.trackingInvalidation();
      copies.allChanged();
    },
  };
  const store = await openRedis(config, { ...parts, listener });
  const journal = new OutageJournal({
    maxEntries: cache.journalMaxEntries,
    maxBytes: cache.journalMaxBytes,
  });
  const onReplayed = meter.journalWrite.bind(meter);
  const recovery = new Recovery({ store, journal, copies, clock, logger, onReplayed });
  return {
    store,
    local: {
      copies,
      journal,
      recovery,
      acceptsWrites: cache.degradedWrites === "accept",
      mode: () => store.tracking === "refused" ? "fallback" : localCacheMode,
      onJoined: () => meter.stampedeSaved(),
    },
    gauges: {
      memoryBytes: () => near.bytes,
      localEntries: () => near.entries,
      breakers: () => store.breakers,
      journalEntries: () => journal.size,
      journalBytes: () => journal.bytes,
      isTracking: () => store.tracking === "on",
    },
  };
}

async function openRedis(
  config: Config,
  { meter, ...parts }: StorageParts & Pick<RedisStoreParts, "listener">,
): Promise<RedisStore> {
  // The client of Redis takes long to load, so only who uses it waits for that.
  const { RedisStore } = await import("../store/redis_store.ts");
  const { tlsEnabled, tlsCaFile, username, password, ...rest } = config.redis;
  const ca = tlsCaFile === undefined ? {} : { ca: await readAuthority(tlsCaFile) };
  return new RedisStore({
    ...rest,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(tlsEnabled ? { tls: ca } : {}),
    tombstoneTtlMs: config.cache.tombstoneTtlMs,
    breaker: config.breaker,
  }, { ...parts, onBreaker: (to) => meter.breakerTransition(to) });
}
