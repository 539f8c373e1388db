import type { Clock, Timer } from "../../src/core/clock.ts";
import { systemClock } from "../../src/system.ts";

/** The system's clock, which a test can put ahead; timers that are set keep their real length. */
export class SkippingClock implements Clock {
  #skippedMs = 0;

  skip(ms: number): void {
    this.#skippedMs += ms;
  }

  wallMs(): number {
    return systemClock.wallMs() + this.#skippedMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#skippedMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    return systemClock.setTimer(callback, delayMs);
  }
}
