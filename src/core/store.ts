import type { Lease } from "./coherence.ts";
import type { CacheError } from "./errors.ts";
import type { Entry } from "./entry.ts";
import type { Stamp } from "./stamp.ts";

/** Where an answer came from, as clients see it. */
export type Source = "redis" | "local";

/** How the connection to a server stands; `disabled` where none is configured. */
export type ConnectionStatus = "connected" | "connecting" | "disconnected" | "disabled";

/** What reading one key gave. */
export interface StoreRead {
  /** The entry, also one that is deleted or expired by its header; nothing when there is none. */
  readonly entry: Entry | undefined;
  /**
   * Under which later changes are reported, as it stood when the command was sent; nothing where
   * none will be.
   */
  readonly lease: Lease | undefined;
}

/** What reading one key of several gave. */
export type ReadResult = StoreRead | CacheError;

/**
 * How a write meets what is stored. An `ordinary` one always wins: it takes the higher of its own
 * stamp and one above the stored. A `replay` changes nothing unless its stamp is above the stored; its
 * value is stored as a tombstone when it has expired, or is older than the tombstone TTL. A `rewrap`
 * gives the same write another payload: it changes nothing unless what is stored is live and has its
 * flags, stamp and expiry, all of which stay as they are.
 *
 * An `event` comes from elsewhere, perhaps again. Its delete leaves a tombstone under the higher of its
 * stamp and the stored one; where a tombstone of that stamp stands, nothing changes. Its value is
 * stored as a replay's would be. Where another value stands under the very same stamp, nobody can
 * tell which is newer: a tombstone of that stamp takes its place.
 */
export type WriteMode = "ordinary" | "replay" | "rewrap" | "event";

/** One set (an entry with a payload) or delete (a tombstone) of one key. */
export interface StoreWrite {
  /** From `storeKey`. */
  readonly key: string;
  /**
   * A delete's `expiresAtMs` is ignored: a tombstone lives until max(now, its final stamp) + the
   * store's tombstone TTL.
   */
  readonly entry: Entry;
  readonly mode: WriteMode;
  /** Monotonic milliseconds after which the write must not happen any more. */
  readonly deadlineMs: number;
}

/** What became of a write. */
export type WriteOutcome =
  | {
    readonly status: "written";
    /** The stamp under which it is stored. */
    readonly stamp: Stamp;
    /** Whether a live entry stood there before. */
    readonly replaced: boolean;
    /** A replay came so late that its value was stored as a tombstone. */
    readonly isExpired: boolean;
    /** As for a read. */
    readonly lease: Lease | undefined;
  }
  /** It arrived after its deadline and changed nothing. */
  | { readonly status: "late" }
  /** A write with the same or a higher stamp is stored, for a rewrap any other; nothing changed. */
  | { readonly status: "superseded" }
  /** The store is away, or could not carry it out. */
  | {
    readonly status: "failed";
    /** `redis_unavailable` or `circuit_open`. */
    readonly error: CacheError;
    /** Store time until which it may still land; -Infinity where it certainly was not made. */
    readonly landsUntilMs: number;
  };

/** Store time: every time that is stored or compared between replicas is read from it. */
export interface StoreTime {
  /** Unix milliseconds; NaN until the store answered once. */
  nowMs(): number;
  /** How far `nowMs` may be off, in milliseconds. */
  uncertaintyMs(): number;
}

/**
 * Holds entries by key. Reads reject with `redis_unavailable` when the server cannot be reached or
 * does not answer in time, with `circuit_open` when it was not asked because it is known to be away,
 * and with `entry_invalid` when stored bytes are not an entry. Writes say so by their outcome.
 */
export interface Store {
  /** What an answer out of this store is labelled with. */
  readonly source: Source;
  readonly time: StoreTime;
  /** The longest that a call takes before it rejects, in milliseconds. */
  readonly timeoutMs: number;
  get(key: string): Promise<StoreRead>;
  /**
   * The results in the order of `keys`. Rejects with `batch_too_large` when the payloads come to
   * more than `maxBytes`, before holding much more than that in memory.
   */
  getMany(
    keys: readonly string[],
    options: { readonly maxBytes: number },
  ): Promise<ReadResult[]>;
  write(write: StoreWrite): Promise<WriteOutcome>;
  /**
   * The store keys of a namespace in bounded pages, of which some may be empty. Those that stand all
   * the while come at least once, the others perhaps; what a Cluster moves between its nodes meanwhile
   * may be left out. After a failure only a new scan is complete.
   */
  scan(namespace: string): AsyncIterable<readonly string[]>;
  status(): ConnectionStatus;
  close(): Promise<void>;
}
