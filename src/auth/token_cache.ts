import type { Identity } from "./claims.ts";

/** About what an entry takes besides its text and its namespaces. */
const ENTRY_BYTES = 512;
const NAMESPACE_BYTES = 128;

/** Bounds of a {@linkcode TokenCache}. */
export interface TokenCacheLimits {
  readonly maxEntries: number;
  /** Bytes of all entries, estimated. */
  readonly maxBytes: number;
}

interface Remembered {
  readonly identity: Identity;
  readonly bytes: number;
}

/**
 * What verified tokens stood for, by the `Authorization` value they came in: to look one up takes
 * neither hashing nor memory. Bad tokens never get in, so nobody without a good one can fill it.
 * When it is full the entry that is longest in it goes, used or not: its token is verified again,
 * and reads need not write down what they used.
 */
export class TokenCache {
  readonly #limits: TokenCacheLimits;
  readonly #entries = new Map<string, Remembered>();
  #epoch = 0;
  #bytes = 0;

  constructor(limits: TokenCacheLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** About how much the entries take. */
  get usedBytes(): number {
    return this.#bytes;
  }

  /** Forgets all where `epoch`, that of the keys, is not the one it was. */
  enter(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#entries.clear();
    this.#bytes = 0;
  }

  get(authorization: string): Identity | undefined {
    return this.#entries.get(authorization)?.identity;
  }

  set(authorization: string, identity: Identity): void {
    const bytes = ENTRY_BYTES + authorization.length +
      NAMESPACE_BYTES * identity.principal.namespaces.size;
    if (bytes > this.#limits.maxBytes) return;
    this.delete(authorization);
    this.#entries.set(authorization, { identity, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      const { maxEntries, maxBytes } = this.#limits;
      if (this.#entries.size <= maxEntries && this.#bytes <= maxBytes) return;
      this.delete(oldest);
    }
  }

  delete(authorization: string): void {
    this.#bytes -= this.#entries.get(authorization)?.bytes ?? 0;
    this.#entries.delete(authorization);
  }
}
