import { CacheError } from "./errors.ts";

/** The bytes of requests and large answers that may be held at once, across both transports. */
export class MemoryBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes reserved now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes `bytes`, or takes nothing and returns false where they would exceed the limit. */
  tryReserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#maxBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Gives back what was reserved. */
  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** What a client is told where the budget is spent. */
export const OVER_BUDGET = "The service holds as many bytes of calls as it may.";

/** The refusal of a call for which there is no room. */
export function overBudget(): CacheError {
  return new CacheError("overloaded", OVER_BUDGET, { retryAfterSeconds: 1 });
}
