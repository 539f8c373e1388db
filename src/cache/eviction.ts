/** How much a `BoundedMap` holds. */
export interface BoundedMapOptions<V> {
  /** At least 1. */
  readonly maxEntries: number;
  /** At least 1, in the unit of the `bytes` given to `set`. */
  readonly maxBytes: number;
  /**
   * Called once for each entry that leaves for want of room, and for no other: not when one is
   * replaced, deleted or cleared. It must not call the map.
   */
  readonly onEvict: (key: string, value: V) => void;
}

/** A map that makes room by letting entries go; which one goes first is its policy. */
export interface BoundedMap<V extends object> {
  readonly size: number;
  /** The sum of the `bytes` given with the entries it holds. */
  readonly bytes: number;
  /** The value; counts as a use of it. */
  get(key: string): V | undefined;
  /** The value, without counting as a use. */
  peek(key: string): V | undefined;
  /**
   * Puts a value of `bytes` (a positive integer) under the key, as a use of it, and lets others go
   * until all fits. One above `maxBytes` is not kept, and its key then holds nothing.
   */
  set(key: string, value: V, bytes: number): void;
  /** Whether the key held a value. */
  delete(key: string): boolean;
  clear(): void;
  /** The next to leave first; the map must not change while they are read. */
  keys(): Iterable<string>;
}
