import { Copies } from "../../src/cache/copies.ts";
import type { Local } from "../../src/cache/local.ts";
import { NearCache } from "../../src/cache/near_cache.ts";
import { OutageJournal } from "../../src/cache/outage_journal.ts";
import { Recovery, type RecoveryParts } from "../../src/cache/recovery.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Store } from "../../src/core/store.ts";
import { silentLogger } from "./silent.ts";

/** A near cache and the copies over it; a store is to be opened with them as its listener. */
export function createCopies(
  options: {
    readonly clock: Clock;
    readonly mode?: "near" | "fallback";
    readonly maxAgeMs?: number;
    readonly maxEntries?: number;
    readonly maxBytes?: number;
  },
): { readonly near: NearCache; readonly copies: Local["copies"] } {
  const { clock, mode = "near", maxAgeMs = 60_000, maxEntries = 100, maxBytes = 1e6 } = options;
  const near = new NearCache({ policy: "lru", maxEntries, maxBytes, onEviction: () => {} });
  return { near, copies: new Copies({ near, clock, mode, maxAgeMs }) };
}

/** What a process keeps beside `store`, in near mode. */
export function createLocal(
  store: Store,
  options: {
    readonly clock: Clock;
    readonly copies: Local["copies"];
    readonly journalEntries?: number;
    readonly journalBytes?: number;
    readonly acceptsWrites?: boolean;
    readonly onReplayed?: RecoveryParts["onReplayed"];
  },
): Local {
  const { clock, copies, journalEntries = 100, journalBytes = 1e6, acceptsWrites = true } = options;
  const { onReplayed = () => {} } = options;
  const journal = new OutageJournal({ maxEntries: journalEntries, maxBytes: journalBytes });
  const logger = silentLogger;
  const recovery = new Recovery({ store, journal, copies, clock, logger, onReplayed });
  return { copies, journal, recovery, acceptsWrites, mode: () => "near" };
}
