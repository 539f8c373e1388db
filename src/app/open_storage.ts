import { Copies } from "../cache/copies.ts";
import type { Local } from "../cache/local.ts";
import { NearCache } from "../cache/near_cache.ts";
import { OutageJournal } from "../cache/outage_journal.ts";
import { Recovery } from "../cache/recovery.ts";
import type { Config } from "../config.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { MemoryStore } from "../store/memory_store.ts";
import { RedisStore, type RedisStoreParts } from "../store/redis_store.ts";

/** The store, and what this process keeps beside it where that is on. */
export function openStorage(
  config: Config,
  parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): { readonly store: MemoryStore | RedisStore; readonly local: Local | undefined } {
  const { cache } = config;
  const { clock, logger } = parts;
  if (cache.backend === "memory") {
    const { maxMemoryBytes: maxBytes, tombstoneTtlMs } = cache;
    return { store: new MemoryStore({ clock, maxBytes, tombstoneTtlMs }), local: undefined };
  }
  if (!cache.localCacheEnabled) return { store: openRedis(config, parts), local: undefined };
  const copies: Local["copies"] = new Copies({
    near: new NearCache({
      policy: cache.evictionPolicy,
      maxEntries: cache.localCacheSize,
      maxBytes: cache.maxMemoryBytes,
      onEviction: () => {},
    }),
    clock,
    mode: cache.localCacheMode,
    maxAgeMs: cache.localMaxAgeMs,
  });
  const store = openRedis(config, { ...parts, listener: copies });
  const journal = new OutageJournal({
    maxEntries: cache.journalMaxEntries,
    maxBytes: cache.journalMaxBytes,
  });
  const recovery = new Recovery({ store, journal, copies, clock, logger });
  const acceptsWrites = cache.degradedWrites === "accept";
  const mode = () => store.tracking === "refused" ? "fallback" : cache.localCacheMode;
  return { store, local: { copies, journal, recovery, acceptsWrites, mode } };
}

function openRedis(config: Config, parts: RedisStoreParts): RedisStore {
  const { tlsEnabled, tlsCaFile, username, password, ...rest } = config.redis;
  const ca = tlsCaFile === undefined ? {} : { ca: Deno.readTextFileSync(tlsCaFile) };
  return new RedisStore({
    ...rest,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(tlsEnabled ? { tls: ca } : {}),
    tombstoneTtlMs: config.cache.tombstoneTtlMs,
    breaker: config.breaker,
  }, parts);
}
