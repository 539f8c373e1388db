import { CacheError } from "./errors.ts";

/** The cache operations that may be served at once, across both transports. */
export class Concurrency {
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Operations served now. */
  get count(): number {
    return this.#count;
  }

  /** Takes a place, or takes none and returns false where all are taken. */
  tryEnter(): boolean {
    if (this.#count >= this.#max) return false;
    this.#count++;
    return true;
  }

  /** Gives back the place that was taken; once for each. */
  leave(): void {
    this.#count--;
  }
}

/** The refusal of an operation for which there is no place. */
export function tooManyOperations(): CacheError {
  return new CacheError("overloaded", "The service serves as many operations at once as it may.", {
    retryAfterSeconds: 1,
  });
}
