import type { Clock, Timer } from "../../src/core/clock.ts";
import type { VirtualTime } from "./virtual_time.ts";

/**
 * One process's clocks and its turns of the event loop. Its wall clock is wrong, its monotonic clock
 * runs with the world's time from another start. While it is stopped nothing in it runs.
 */
export class SimProcess implements Clock {
  readonly #time: VirtualTime;
  readonly #wallSkewMs: number;
  readonly #startMs: number;
  /** When the process stood still, in the world's milliseconds. */
  readonly stops: { readonly fromMs: number; readonly untilMs: number }[] = [];
  #stoppedUntilMs = 0;

  constructor(
    time: VirtualTime,
    options: { readonly wallSkewMs: number; readonly startMs: number },
  ) {
    this.#time = time;
    this.#wallSkewMs = options.wallSkewMs;
    this.#startMs = options.startMs;
  }

  wallMs(): number {
    return Math.floor(WORLD_EPOCH_MS + this.#time.nowMs + this.#wallSkewMs);
  }

  monotonicMs(): number {
    return this.#startMs + this.#time.nowMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError("cannot set a timer: delayMs is NaN");
    const timer = this.#time.at(this.#time.nowMs + Math.max(0, delayMs), () => {
      this.run(() => {
        if (!cancelled) callback();
      });
    });
    let cancelled = false;
    return {
      cancel: (): void => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** Runs `callback` as a turn of this process's event loop: now, or when it goes on. */
  run(callback: () => void): void {
    if (this.#time.nowMs < this.#stoppedUntilMs) {
      this.#time.at(this.#stoppedUntilMs, () => this.run(callback));
      return;
    }
    this.#time.wake();
    callback();
  }

  /** Stops the process, as by SIGSTOP. */
  stop(durationMs: number): void {
    const fromMs = this.#time.nowMs;
    this.#stoppedUntilMs = Math.max(this.#stoppedUntilMs, fromMs + durationMs);
    this.stops.push({ fromMs, untilMs: this.#stoppedUntilMs });
  }
}

/** Redis's Unix milliseconds at the world's time 0. */
export const WORLD_EPOCH_MS = Date.UTC(2025, 0, 1);
