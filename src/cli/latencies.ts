const FINEST_MS = 0.01;
const STEP = 1.02;
/** Enough for 500 s. */
const BUCKETS = 900;

/** How long calls took, in memory of a fixed size. */
export class Latencies {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  add(latencyMs: number): void {
    const steps = Math.ceil(Math.log(latencyMs / FINEST_MS) / Math.log(STEP));
    const bucket = Math.max(0, Math.min(BUCKETS - 1, steps));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#maxMs = Math.max(this.#maxMs, latencyMs);
  }

  /** Within what time the fraction `q` (0 to 1) of the calls ended, at most 2 % too high; 0 of none. */
  quantileMs(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(FINEST_MS * STEP ** bucket, this.#maxMs);
    }
    return this.#maxMs;
  }
}
