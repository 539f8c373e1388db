import { type Entry, FLAG_TOMBSTONE, isLive, isTombstone } from "../../src/core/entry.ts";
import { compareStamps, raiseStamp, type Stamp } from "../../src/core/stamp.ts";
import type { WriteMode } from "../../src/core/store.ts";

/** A key's entry, and from when Redis holds it no more (PXAT). */
export interface Stored {
  readonly entry: Entry;
  readonly heldUntilMs: number;
}

/** A write as it arrives at Redis. */
export interface ArrivedWrite {
  readonly entry: Entry;
  readonly mode: WriteMode;
  readonly notAfterMs: number;
  readonly tombstoneTtlMs: number;
}

/** What Redis made of a write, and what it holds from then on. */
export type Effect =
  | { readonly status: "late" | "superseded" }
  | {
    readonly status: "written";
    readonly stamp: Stamp;
    readonly replaced: boolean;
    readonly isExpired: boolean;
    readonly stored: Stored | undefined;
  };

/** The rules for writes, each of which can be left out to see what it is there for. */
export interface WriteRules {
  /** A write past its not-after changes nothing. */
  readonly notAfter: boolean;
  /** A replay that is not newer than what is stored changes nothing. */
  readonly replayYields: boolean;
  /** An ordinary write takes a stamp above the stored one. */
  readonly raise: boolean;
  /** A replay that has expired or is older than tombstones live leaves a tombstone. */
  readonly lateReplayDeletes: boolean;
  /** A set keeps the key at least until the tombstone that it replaces would have ended. */
  readonly keepsTombstoneTime: boolean;
}

export const ALL_WRITE_RULES: WriteRules = {
  notAfter: true,
  replayYields: true,
  raise: true,
  lateReplayDeletes: true,
  keepsTombstoneTime: true,
};

/**
 * The rules of semantics.md, "Writes to Redis", written down independently of the script that Redis
 * runs. `nowMs` is a whole number of Unix milliseconds; what `stored` holds has not ended by then.
 */
export function applyWrite(
  stored: Stored | undefined,
  { write, nowMs, rules = ALL_WRITE_RULES }: {
    readonly write: ArrivedWrite;
    readonly nowMs: number;
    readonly rules?: WriteRules;
  },
): Effect {
  if (rules.notAfter && nowMs > write.notAfterMs) return { status: "late" };
  if (write.mode === "rewrap") return rewrapped(stored, { entry: write.entry, nowMs });

  let { stamp } = write.entry;
  let yields = false;
  if (stored !== undefined && compareStamps(stamp, stored.entry.stamp) <= 0) {
    if (write.mode === "replay" && rules.replayYields) return { status: "superseded" };
    if (write.mode === "event") {
      if (isTombstone(stored.entry)) return { status: "superseded" };
      const contradicts = compareStamps(stamp, stored.entry.stamp) === 0 &&
        `${write.entry.payload}` !== `${stored.entry.payload}`;
      if (!isTombstone(write.entry) && !contradicts) return { status: "superseded" };
      stamp = stored.entry.stamp;
      yields = true;
    }
    if (write.mode === "ordinary" && rules.raise) {
      stamp = raiseStamp(stored.entry.stamp, stamp.writer);
    }
  }
  const replaced = stored !== undefined && isLive(stored.entry, nowMs);
  const isTooLate = write.entry.expiresAtMs <= nowMs ||
    write.tombstoneTtlMs > 0 && nowMs - stamp.ms > write.tombstoneTtlMs;
  const isExpired = rules.lateReplayDeletes && !isTombstone(write.entry) && !yields && isTooLate &&
    (write.mode === "replay" || write.mode === "event");
  const outcome = { status: "written", stamp, replaced, isExpired } as const;

  if (isExpired || yields || isTombstone(write.entry)) {
    if (write.tombstoneTtlMs === 0) return { ...outcome, stored: undefined };
    const expiresAtMs = Math.max(nowMs, stamp.ms) + write.tombstoneTtlMs;
    const payload = new Uint8Array(0);
    const entry: Entry = { flags: FLAG_TOMBSTONE, stamp, expiresAtMs, payload };
    return { ...outcome, stored: { entry, heldUntilMs: expiresAtMs } };
  }
  const entry: Entry = { ...write.entry, stamp };
  const replacesTombstone = stored !== undefined && isTombstone(stored.entry);
  const tombstoneEndsMs = rules.keepsTombstoneTime && replacesTombstone
    ? stored.entry.expiresAtMs
    : 0;
  return {
    ...outcome,
    stored: { entry, heldUntilMs: Math.max(entry.expiresAtMs, tombstoneEndsMs) },
  };
}

/** Another payload for the write that stands, while it is live. */
function rewrapped(
  stored: Stored | undefined,
  { entry, nowMs }: { readonly entry: Entry; readonly nowMs: number },
): Effect {
  const isSame = stored !== undefined && isLive(stored.entry, nowMs) &&
    compareStamps(stored.entry.stamp, entry.stamp) === 0 &&
    stored.entry.expiresAtMs === entry.expiresAtMs && stored.entry.flags === entry.flags;
  if (!isSame) return { status: "superseded" };
  const { stamp } = entry;
  return {
    status: "written",
    stamp,
    replaced: true,
    isExpired: false,
    stored: { entry, heldUntilMs: stored.heldUntilMs },
  };
}
