import type { Clock } from "../core/clock.ts";

const QUIET_MS = 60_000;

/** Lets the first of many warnings of one kind through at once, and then one a minute. */
export class OnceAMinute {
  readonly #clock: Clock;
  #lastMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether to warn now. */
  isDue(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastMs < QUIET_MS) return false;
    this.#lastMs = nowMs;
    return true;
  }
}
