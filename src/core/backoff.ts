import type { Random } from "./clock.ts";

/**
 * Pauses between attempts that go on without end: each is chosen evenly from 0 to a bound that doubles
 * from `firstMs` up to `longestMs` ("full jitter", AWS Architecture Blog, 2015), so that replicas that
 * lost a server at the same moment do not come back to it all at once.
 */
export class Backoff {
  readonly #random: Random;
  readonly #firstMs: number;
  readonly #longestMs: number;
  #boundMs: number;

  constructor(options: {
    readonly random: Random;
    readonly firstMs: number;
    readonly longestMs: number;
  }) {
    this.#random = options.random;
    this.#firstMs = options.firstMs;
    this.#longestMs = options.longestMs;
    this.#boundMs = options.firstMs;
  }

  /** The pause before the next attempt, in milliseconds. */
  nextMs(): number {
    const pauseMs = this.#random.uint32() / 2 ** 32 * this.#boundMs;
    this.#boundMs = Math.min(this.#boundMs * 2, this.#longestMs);
    return pauseMs;
  }

  /** To be called when an attempt succeeded. */
  reset(): void {
    this.#boundMs = this.#firstMs;
  }
}
