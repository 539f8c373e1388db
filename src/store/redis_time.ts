import type { Clock } from "../core/clock.ts";
import type { StoreTime } from "../core/store.ts";

/** One reading of a node's clock. */
interface Sample {
  /** Node time minus local monotonic time, in milliseconds. */
  readonly offsetMs: number;
  /** Half the round trip: the true offset is at most this far from `offsetMs`. */
  readonly uncertaintyMs: number;
  /** Monotonic milliseconds of the answer. */
  readonly takenAtMs: number;
}

/** For so long an exact sample is preferred to a later one that took longer. */
const SAMPLE_LIFE_MS = 5000;

/**
 * Redis time, reckoned from `TIME` replies (https://redis.io/docs/latest/commands/time/): the local
 * monotonic clock plus an offset; with several masters, the median of their offsets.
 */
export class RedisTime implements StoreTime {
  readonly #clock: Clock;
  readonly #samples = new Map<string, Sample>();
  #current: Sample | undefined;
  #uncertaintyMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    if (this.#current === undefined) return NaN;
    return this.#clock.monotonicMs() + this.#current.offsetMs;
  }

  /** Of the node that is known least. */
  uncertaintyMs(): number {
    return this.#uncertaintyMs;
  }

  /** How far a node's own clock is ahead of this time; 0 where it has not answered yet. */
  aheadMs(node: string): number {
    const sample = this.#samples.get(node);
    if (sample === undefined || this.#current === undefined) return 0;
    return sample.offsetMs - this.#current.offsetMs;
  }

  /** Takes in that `node` said `timeMs` (Unix) to a `TIME` sent at `sentAtMs` (monotonic). */
  learn(node: string, reading: { readonly timeMs: number; readonly sentAtMs: number }): void {
    const takenAtMs = this.#clock.monotonicMs();
    const uncertaintyMs = (takenAtMs - reading.sentAtMs) / 2;
    const offsetMs = reading.timeMs - (reading.sentAtMs + takenAtMs) / 2;
    const sample: Sample = { offsetMs, uncertaintyMs, takenAtMs };
    if (!isBetter(sample, this.#samples.get(node))) return;
    this.#samples.set(node, sample);
    this.#choose();
  }

  /** Drops the samples of all nodes but these. */
  keepOnly(nodes: ReadonlySet<string>): void {
    let dropped = false;
    for (const node of this.#samples.keys()) {
      if (!nodes.has(node)) dropped = this.#samples.delete(node) || dropped;
    }
    // The last reading of a departed node is still the best there is until another answers.
    if (dropped && this.#samples.size > 0) this.#choose();
  }

  #choose(): void {
    const samples = [...this.#samples.values()].sort((a, b) => a.offsetMs - b.offsetMs);
    this.#current = samples[samples.length >> 1] ?? this.#current;
    this.#uncertaintyMs = Math.max(...samples.map(({ uncertaintyMs }) => uncertaintyMs));
  }
}

/** A later sample wins unless an exact and fresh one agrees with it: then the exact one stays. */
function isBetter(sample: Sample, held: Sample | undefined): boolean {
  if (held === undefined || sample.uncertaintyMs <= held.uncertaintyMs) return true;
  if (sample.takenAtMs - held.takenAtMs > SAMPLE_LIFE_MS) return true;
  const apartMs = Math.abs(sample.offsetMs - held.offsetMs);
  return apartMs > sample.uncertaintyMs + held.uncertaintyMs;
}
