import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";
import { type Entry, isLive, isTombstone } from "../core/entry.ts";
import { batchAnswerTooLarge } from "../core/errors.ts";
import { compareStamps, raiseStamp } from "../core/stamp.ts";
import type {
  ReadResult,
  Store,
  StoreRead,
  StoreTime,
  StoreWrite,
  WriteOutcome,
} from "../core/store.ts";

/** What an entry takes besides its key and payload: objects, map slots and header, measured. */
const ENTRY_OVERHEAD_BYTES = 300;

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
  readonly #entries: LRUCache<string, Entry>;

  /** `tombstoneTtlMs` 0 keeps no tombstones. */
  constructor(options: {
    readonly clock: Clock;
    readonly maxBytes: number;
    readonly tombstoneTtlMs: number;
  }) {
    this.#clock = options.clock;
    this.#tombstoneTtlMs = options.tombstoneTtlMs;
    this.#entries = new LRUCache({ maxSize: options.maxBytes, sizeCalculation: sizeOf });
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
    return undefined;
  }

  #apply({ key, entry, mode, deadlineMs }: StoreWrite): WriteOutcome {
    if (this.#clock.monotonicMs() > deadlineMs) return { status: "late" };
    const now = this.time.nowMs();
    const stored = this.#read(key);
    let stamp = entry.stamp;
    if (stored !== undefined && compareStamps(stamp, stored.stamp) <= 0) {
      if (mode === "replay") return { status: "superseded" };
      stamp = raiseStamp(stored.stamp, stamp.writer);
    }
    if (!isTombstone(entry)) {
      // A copy of its own: the payload may be a view that would keep a whole request alive.
      this.#entries.set(key, { ...entry, stamp, payload: entry.payload.slice() });
    } else if (this.#tombstoneTtlMs === 0) {
      this.#entries.delete(key);
    } else {
      const expiresAtMs = Math.max(Math.ceil(now), stamp.ms) + this.#tombstoneTtlMs;
      this.#entries.set(key, { ...entry, stamp, expiresAtMs });
    }
    const replaced = stored !== undefined && isLive(stored, now);
    return { status: "written", stamp, replaced, isExpired: false, lease: undefined };
  }
}

function sizeOf(entry: Entry, key: string): number {
  return ENTRY_OVERHEAD_BYTES + 2 * key.length + entry.payload.length;
}
