import type { Entry } from "../core/entry.ts";
import { compareStamps, type Stamp } from "../core/stamp.ts";

/** What an entry takes besides its key and payload, measured as `COPY_OVERHEAD_BYTES` was. */
const ENTRY_OVERHEAD_BYTES = 1300;

/** A write that has been sent and not yet answered. */
export interface PendingWrite {
  readonly key: string;
  readonly stamp: Stamp;
  /** Set when a later write of the key was acknowledged: this one has lost, whatever becomes of it. */
  isOutdone: boolean;
}

/**
 * The writes that were acknowledged while the store was away, and that it is still owed: the last of
 * each key. Bounded by `maxEntries` and `maxBytes`; what does not fit is refused, never dropped.
 */
export class OutageJournal {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  readonly #pending = new Map<string, Set<PendingWrite>>();
  #bytes = 0;

  constructor(options: { readonly maxEntries: number; readonly maxBytes: number }) {
    this.#maxEntries = options.maxEntries;
    this.#maxBytes = options.maxBytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of keys and payloads, and a fixed overhead for each entry. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The write that the store is owed for a key. */
  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** The writes that have waited longest since they were put or deferred, up to `count`. */
  oldest(count: number): [string, Entry][] {
    return this.#entries.entries().take(count).toArray();
  }

  /** Lets the write of a key wait behind all others. */
  defer(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  /** Takes all of `writes`, or none and returns false where they do not fit. */
  put(writes: readonly (readonly [string, Entry])[]): boolean {
    let entries = this.#entries.size;
    let bytes = this.#bytes;
    for (const [key, entry] of writes) {
      const held = this.#entries.get(key);
      if (held === undefined) entries++;
      else bytes -= sizeOf(key, held);
      bytes += sizeOf(key, entry);
    }
    if (entries > this.#maxEntries || bytes > this.#maxBytes) return false;
    for (const [key, entry] of writes) {
      const held = this.#entries.get(key);
      // Two writes of a key may be journaled in another order than they were stamped.
      if (held !== undefined && compareStamps(held.stamp, entry.stamp) > 0) continue;
      this.#remove(key);
      this.#entries.set(key, { ...entry, payload: new Uint8Array(entry.payload) });
      this.#bytes += sizeOf(key, entry);
    }
    return true;
  }

  /** Notes a write before it is sent. */
  begin(key: string, stamp: Stamp): PendingWrite {
    const write: PendingWrite = { key, stamp, isOutdone: false };
    const pending = this.#pending.get(key);
    if (pending === undefined) this.#pending.set(key, new Set([write]));
    else pending.add(write);
    return write;
  }

  /** Forgets a write that has been answered for good. */
  end(write: PendingWrite): void {
    const pending = this.#pending.get(write.key);
    if (pending?.delete(write) && pending.size === 0) this.#pending.delete(write.key);
  }

  /**
   * The store holds the key's write of `stamp`, or a later one: older ones that it is owed are
   * removed, and older ones under way have lost.
   *
   * Otherwise: SET 1 hangs, SET 2 is acknowledged by the store, SET 1 fails and is journaled, and its
   * reads answer 1 although 2 was acknowledged later.
   */
  settled(key: string, stamp: Stamp): void {
    const held = this.#entries.get(key);
    if (held !== undefined && compareStamps(held.stamp, stamp) <= 0) this.#remove(key);
    for (const write of this.#pending.get(key) ?? []) {
      if (compareStamps(write.stamp, stamp) < 0) write.isOutdone = true;
    }
  }

  #remove(key: string): void {
    const held = this.#entries.get(key);
    if (held === undefined) return;
    this.#bytes -= sizeOf(key, held);
    this.#entries.delete(key);
  }
}

function sizeOf(key: string, entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + 2 * key.length + entry.payload.length;
}
