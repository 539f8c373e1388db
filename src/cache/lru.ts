import { LRUCache } from "lru-cache";
import type { BoundedMap, BoundedMapOptions } from "./eviction.ts";

/** Lets the least recently used entry go first. */
export class LruMap<V extends object> implements BoundedMap<V> {
  readonly #options: BoundedMapOptions<V>;
  #cache: LRUCache<string, V>;

  constructor(options: BoundedMapOptions<V>) {
    this.#options = options;
    this.#cache = this.#newCache();
  }

  get size(): number {
    return this.#cache.size;
  }

  get bytes(): number {
    return this.#cache.calculatedSize;
  }

  get(key: string): V | undefined {
    return this.#cache.get(key);
  }

  peek(key: string): V | undefined {
    return this.#cache.peek(key);
  }

  set(key: string, value: V, bytes: number): void {
    const { maxBytes, maxEntries } = this.#options;
    const held = this.#cache.peek(key);
    // LRUCache keeps the old size where a value is set again.
    if (bytes > maxBytes || held === value) this.delete(key);
    if (bytes > maxBytes) return;
    if (held === undefined && this.#cache.size === maxEntries) this.#cache.pop();
    this.#cache.set(key, value, { size: bytes });
  }

  delete(key: string): boolean {
    if (this.#cache.size > 1 || !this.#cache.has(key)) return this.#cache.delete(key);
    // LRUCache would overwrite every slot it ever used when its last entry is deleted.
    this.clear();
    return true;
  }

  clear(): void {
    this.#cache = this.#newCache();
  }

  keys(): Iterable<string> {
    return this.#cache.rkeys();
  }

  /** Without `max`, which would allocate the slots of all entries at once: 10 million take 0.4 GB. */
  #newCache(): LRUCache<string, V> {
    return new LRUCache<string, V>({
      maxSize: this.#options.maxBytes,
      dispose: (value, key, reason) => {
        if (reason === "evict") this.#options.onEvict(key, value);
      },
    });
  }
}
