import type { Random } from "../../src/core/clock.ts";

/** Repeatable randomness (sfc32): the same seed gives the same numbers on every machine. */
export class SeededRandom implements Random {
  #a = 0x9e3779b9;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed` is any safe integer. */
  constructor(seed: number) {
    this.#b = seed | 0;
    this.#c = Math.floor(seed / 2 ** 32) | 0;
    for (let round = 0; round < 15; round++) this.uint32();
  }

  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.uint32() >>> 24);
  }

  /** An integer from 0 up to, but not including, `limit` (1 to 2^32). */
  below(limit: number): number {
    return Math.floor(this.uint32() / 2 ** 32 * limit);
  }
}

/** The seed of this run's properties: PROPERTY_SEED (32 bits, signed), else a new one. */
export function propertySeed(text = Deno.env.get("PROPERTY_SEED")): number {
  if (text === undefined) return crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
  const seed = Number(text);
  if (text.trim() === "" || (seed | 0) !== seed) {
    throw new Error(`PROPERTY_SEED must be an integer of 32 bits, not "${text}"`);
  }
  return seed;
}

/** Options for `fc.assert`; a failure prints the seed, which PROPERTY_SEED replays. */
export function propertyOptions(
  options: { readonly numRuns?: number } = {},
): { seed: number; numRuns: number; verbose: boolean } {
  return { seed: propertySeed(), numRuns: options.numRuns ?? 100, verbose: true };
}
