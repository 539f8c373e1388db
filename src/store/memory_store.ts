import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";
import { areEqual } from "../core/bytes.ts";
import { type Entry, FLAG_TOMBSTONE, isLive, isTombstone } from "../core/entry.ts";
import { batchAnswerTooLarge } from "../core/errors.ts";
import { storeKeyPrefix } from "../core/key.ts";
import { compareStamps, raiseStamp, type Stamp } from "../core/stamp.ts";
import type {
  ReadResult,
  Store,
  StoreRead,
  StoreTime,
  StoreWrite,
  WriteMode,
  WriteOutcome,
} from "../core/store.ts";

/**
 * What an entry takes besides its key and payload, by what the resident memory of a service grows by
 * while it is filled over REST (`bench/footprint.ts`).
 */
const ENTRY_OVERHEAD_BYTES = 1300;
const SCAN_PAGE_KEYS = 500;
const NO_PAYLOAD = new Uint8Array(0);

/**
 * The embedded store: entries of this process, gone when it ends. Keeps the most recently used
 * entries within `maxBytes`, counting keys, payloads and a fixed overhead for each.
 */
export class MemoryStore implements Store {
  readonly source = "local";
  readonly timeoutMs = 0;
  readonly time: StoreTime;
  readonly #clock: Clock;
  readonly #tombstoneTtlMs: number;
  readonly #onEviction: (reason: "size" | "expired") => void;
  readonly #entries: LRUCache<string, Entry>;

  /** `tombstoneTtlMs` 0 keeps no tombstones. */
  constructor(options: {
    readonly clock: Clock;
    readonly maxBytes: number;
    readonly tombstoneTtlMs: number;
    /** Told of each entry that had to leave. */
    readonly onEviction?: (reason: "size" | "expired") => void;
  }) {
    this.#onEviction = options.onEviction ?? (() => {});
    this.#clock = options.clock;
    this.#tombstoneTtlMs = options.tombstoneTtlMs;
    this.#entries = new LRUCache({
      maxSize: options.maxBytes,
      sizeCalculation: sizeOf,
      dispose: (_entry, _key, reason) => {
        if (reason === "evict") this.#onEviction("size");
      },
    });
    // Counted from the start by the monotonic clock: a wall clock set back or forth in between
    // would end or prolong the life of every entry.
    const startedAtMs = options.clock.wallMs() - options.clock.monotonicMs();
    this.time = {
      nowMs: () => startedAtMs + options.clock.monotonicMs(),
      uncertaintyMs: () => 0,
    };
  }

  get(key: string): Promise<StoreRead> {
    return Promise.resolve({ entry: this.#read(key), lease: undefined });
  }

  getMany(
    keys: readonly string[],
    options: { readonly maxBytes: number },
  ): Promise<ReadResult[]> {
    const results: ReadResult[] = [];
    let bytes = 0;
    for (const key of keys) {
      const entry = this.#read(key);
      bytes += entry?.payload.length ?? 0;
      if (bytes > options.maxBytes) return Promise.reject(batchAnswerTooLarge(options.maxBytes));
      results.push({ entry, lease: undefined });
    }
    return Promise.resolve(results);
  }

  write(write: StoreWrite): Promise<WriteOutcome> {
    return Promise.resolve(this.#apply(write));
  }

  async *scan(namespace: string): AsyncGenerator<readonly string[]> {
    const prefix = storeKeyPrefix(namespace);
    // From the least recently used on: to read all of them then leaves their order as it was.
    const keys = [...this.#entries.rkeys()].filter((key) => key.startsWith(prefix));
    for (let i = 0; i < keys.length; i += SCAN_PAGE_KEYS) {
      yield keys.slice(i, i + SCAN_PAGE_KEYS);
    }
  }

  /** Entries held now, tombstones among them. */
  get size(): number {
    return this.#entries.size;
  }

  /** What they take, in bytes. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  status(): "disabled" {
    return "disabled";
  }

  close(): Promise<void> {
    this.#entries.clear();
    return Promise.resolve();
  }

  #read(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAtMs > this.time.nowMs()) return entry;
    this.#entries.delete(key);
    this.#onEviction("expired");
    return undefined;
  }

  #apply({ key, entry, mode, deadlineMs }: StoreWrite): WriteOutcome {
    if (this.#clock.monotonicMs() > deadlineMs) return { status: "late" };
    const now = this.time.nowMs();
    const stored = this.#read(key);
    const stamp = stampOver(stored, { entry, mode, now });
    if (stamp === undefined) return { status: "superseded" };
    const replaced = stored !== undefined && isLive(stored, now);
    const yields = mode === "event" && stamp === stored?.stamp;
    const isExpired = mode === "event" && !yields && this.#isTooLate(entry, now);
    if (!isTombstone(entry) && !isExpired && !yields) {
      // A copy of its own: the payload may be a view that would keep a whole request alive. Not by
      // `slice`, which for a Buffer returns another view.
      this.#entries.set(key, { ...entry, stamp, payload: new Uint8Array(entry.payload) });
    } else if (this.#tombstoneTtlMs === 0) {
      this.#entries.delete(key);
    } else {
      const expiresAtMs = Math.max(Math.ceil(now), stamp.ms) + this.#tombstoneTtlMs;
      this.#entries.set(key, { flags: FLAG_TOMBSTONE, stamp, expiresAtMs, payload: NO_PAYLOAD });
    }
    return { status: "written", stamp, replaced, isExpired, lease: undefined };
  }

  /** Whether the value of an event has ended, or may have been deleted by a tombstone that is gone. */
  #isTooLate(entry: Entry, now: number): boolean {
    const ttlMs = this.#tombstoneTtlMs;
    const isForgotten = ttlMs > 0 && now - entry.stamp.ms > ttlMs;
    return !isTombstone(entry) && (entry.expiresAtMs <= now || isForgotten);
  }
}

/** The stamp under which a write is stored; nothing where it changes nothing. */
function stampOver(
  stored: Entry | undefined,
  { entry, mode, now }: {
    readonly entry: Entry;
    readonly mode: WriteMode;
    readonly now: number;
  },
): Stamp | undefined {
  if (mode === "rewrap") {
    const stands = stored !== undefined && isLive(stored, now) && isSameWrite(stored, entry);
    return stands ? entry.stamp : undefined;
  }
  if (stored === undefined || compareStamps(entry.stamp, stored.stamp) > 0) return entry.stamp;
  if (mode === "ordinary") return raiseStamp(stored.stamp, entry.stamp.writer);
  return mode === "event" && removes(entry, stored) ? stored.stamp : undefined;
}

/** Whether an event that is not newer than what is stored removes it. */
function removes(entry: Entry, stored: Entry): boolean {
  if (isTombstone(stored)) return false;
  return isTombstone(entry) ||
    compareStamps(entry.stamp, stored.stamp) === 0 && !areEqual(entry.payload, stored.payload);
}

function isSameWrite(a: Entry, b: Entry): boolean {
  return a.flags === b.flags && a.expiresAtMs === b.expiresAtMs &&
    compareStamps(a.stamp, b.stamp) === 0;
}

function sizeOf(entry: Entry, key: string): number {
  return ENTRY_OVERHEAD_BYTES + 2 * key.length + entry.payload.length;
}
