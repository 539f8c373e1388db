import type { Lease } from "../core/coherence.ts";
import type { Stamp } from "../core/stamp.ts";
import type { BoundedMap } from "./eviction.ts";
import { LfuMap } from "./lfu.ts";
import { LruMap } from "./lru.ts";

/** What the near cache holds under a store key: an opened value, as the store had it. */
export interface NearCopy {
  readonly value: Uint8Array<ArrayBuffer>;
  readonly stamp: Stamp;
  /** Unix milliseconds of store time from which the entry reads as a miss. */
  readonly expiresAtMs: number;
  /** Monotonic milliseconds at which the command that read or wrote it was sent. */
  readonly filledAtMs: number;
  /** What it may be trusted under; nothing where the store reports no changes. */
  readonly lease: Lease | undefined;
}

/** Why a copy left: for want of room, at its expiry, or because it no longer held. */
export type EvictionReason = "size" | "expired" | "invalidated";

/**
 * What a copy takes besides its key and value, by what the resident memory of a service grows by
 * while it is filled over REST (`bench/footprint.ts`). 450 to 500 bytes of it are heap and external
 * memory; the rest is the native half of each ArrayBuffer, room that the allocator keeps, and garbage
 * that is collected late. A limit of memory has to hold all of it.
 */
export const COPY_OVERHEAD_BYTES = 1800;

/** Copies of the store's entries, bounded in number and in bytes. Knows nothing of coherence. */
export class NearCache {
  readonly #copies: BoundedMap<NearCopy>;
  readonly #onEviction: (reason: EvictionReason, copies: number) => void;

  /** `onEviction` hears of every copy that left other than by being replaced. */
  constructor(options: {
    readonly policy: "lru" | "lfu";
    readonly maxEntries: number;
    readonly maxBytes: number;
    readonly onEviction: (reason: EvictionReason, copies: number) => void;
  }) {
    const { policy, maxEntries, maxBytes, onEviction } = options;
    const limits = { maxEntries, maxBytes, onEvict: (): void => onEviction("size", 1) };
    this.#copies = policy === "lru" ? new LruMap(limits) : new LfuMap(limits);
    this.#onEviction = onEviction;
  }

  get entries(): number {
    return this.#copies.size;
  }

  /** Bytes of keys and values, and a fixed overhead for each copy. */
  get bytes(): number {
    return this.#copies.bytes;
  }

  /** The copy, unless it has expired by `nowMs` of store time; an expired one is dropped. */
  get(key: string, nowMs: number): NearCopy | undefined {
    const copy = this.#copies.get(key);
    if (copy === undefined || copy.expiresAtMs > nowMs) return copy;
    this.remove(key, "expired");
    return undefined;
  }

  /** Keeps the copy in place of an older one. One that is larger than all room is not kept. */
  fill(key: string, copy: NearCopy): void {
    this.#copies.set(key, owning(copy), copyBytes(key, copy));
  }

  /** Whether there was a copy. */
  remove(key: string, reason: EvictionReason): boolean {
    const held = this.#copies.delete(key);
    if (held) this.#onEviction(reason, 1);
    return held;
  }

  removeAll(reason: EvictionReason): void {
    const copies = this.#copies.size;
    this.#copies.clear();
    if (copies > 0) this.#onEviction(reason, copies);
  }
}

function copyBytes(key: string, copy: NearCopy): number {
  return COPY_OVERHEAD_BYTES + 2 * key.length + copy.value.length;
}

/** The copy with a value that keeps no larger buffer, such as a whole reply, in memory. */
function owning(copy: NearCopy): NearCopy {
  if (copy.value.length === copy.value.buffer.byteLength) return copy;
  // Not by `slice`, which for a Buffer returns another view.
  return { ...copy, value: new Uint8Array(copy.value) };
}
