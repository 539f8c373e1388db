import { setImmediate } from "node:timers/promises";
import type { Clock, Timer } from "../../src/core/clock.ts";

const MAX_TIMERS_PER_ADVANCE = 1_000_000;

interface Scheduled {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is advanced; its timers fire in the order they are due. */
export class FakeClock implements Clock {
  readonly #scheduled = new Set<Scheduled>();
  #wallOffsetMs: number;
  #monotonicMs: number;

  /** Starts at `wallMs` (default 2025-01-01T00:00:00Z) and `monotonicMs` (default 1,000). */
  constructor(options: { readonly wallMs?: number; readonly monotonicMs?: number } = {}) {
    this.#monotonicMs = options.monotonicMs ?? 1_000;
    this.#wallOffsetMs = (options.wallMs ?? Date.UTC(2025, 0, 1)) - this.#monotonicMs;
  }

  wallMs(): number {
    return Math.floor(this.#monotonicMs + this.#wallOffsetMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError("cannot set a timer: delayMs is NaN");
    const scheduled = { dueMs: this.#monotonicMs + Math.max(0, delayMs), callback };
    this.#scheduled.add(scheduled);
    return { cancel: () => void this.#scheduled.delete(scheduled) };
  }

  /** How many timers have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#scheduled.size;
  }

  /** Moves the wall clock alone, by a negative number backwards. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /**
   * Moves time on by `ms` milliseconds and fires what falls due. Before, between and after the
   * timers all promises that can settle do, so timers that their continuations set fire as well.
   */
  async advance(ms: number): Promise<void> {
    await setImmediate();
    for (const callback of this.#due(ms)) {
      callback();
      await setImmediate();
    }
  }

  /** Like {@linkcode advance}, but no promise settles until the caller awaits. */
  advanceSync(ms: number): void {
    for (const callback of this.#due(ms)) callback();
  }

  *#due(ms: number): Generator<() => void> {
    if (!(ms >= 0)) throw new RangeError(`cannot advance the clock by ${ms} ms: not 0 or more`);
    const endMs = this.#monotonicMs + ms;
    for (let fired = 0; fired < MAX_TIMERS_PER_ADVANCE; fired++) {
      const next = this.#earliest();
      if (next === undefined || next.dueMs > endMs) {
        this.#monotonicMs = endMs;
        return;
      }
      this.#scheduled.delete(next);
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs);
      yield next.callback;
    }
    throw new Error(
      `advancing by ${ms} ms fired ${MAX_TIMERS_PER_ADVANCE} timers: an endless loop`,
    );
  }

  #earliest(): Scheduled | undefined {
    let earliest: Scheduled | undefined;
    for (const scheduled of this.#scheduled) {
      if (earliest === undefined || scheduled.dueMs < earliest.dueMs) earliest = scheduled;
    }
    return earliest;
  }
}
