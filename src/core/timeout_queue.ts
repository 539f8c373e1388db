import type { Clock, Timer } from "./clock.ts";

/** One wait for something that should come before its timeout. */
export class Wait {
  /** Monotonic milliseconds of its timeout. */
  readonly dueMs: number;
  #onTimeout: (() => void) | undefined;

  constructor(dueMs: number, onTimeout: () => void) {
    this.dueMs = dueMs;
    this.#onTimeout = onTimeout;
  }

  /** Whether it has come, was given up, or has timed out. */
  get isOver(): boolean {
    return this.#onTimeout === undefined;
  }

  /**
   * It has come, or is given up. The queue may keep the wait long after; what the callback holds,
   * such as a body, is let go at once.
   */
  end(): void {
    this.#onTimeout = undefined;
  }

  /** Ends it by its timeout, unless it is over. */
  timeOut(): void {
    const onTimeout = this.#onTimeout;
    this.#onTimeout = undefined;
    onTimeout?.();
  }
}

/**
 * Many waits of one length under one timer. They fall due in the order in which they began, so a
 * queue does what a timer for each would do, at a fraction of its cost.
 */
export class TimeoutQueue {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #waits: Wait[] = [];
  /** Where the first wait that may not be over stands. */
  #head = 0;
  #timer: Timer | undefined;

  constructor(options: { readonly clock: Clock; readonly timeoutMs: number }) {
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Calls `onTimeout` after the timeout unless the wait is over by then. */
  begin(onTimeout: () => void): Wait {
    const wait = new Wait(this.#clock.monotonicMs() + this.#timeoutMs, onTimeout);
    this.#dropOver();
    this.#waits.push(wait);
    this.#arm();
    return wait;
  }

  /** Forgets all waits. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waits = [];
    this.#head = 0;
  }

  #arm(): void {
    const first = this.#waits[this.#head];
    if (this.#timer !== undefined || first === undefined) return;
    const leftMs = Math.max(0, first.dueMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.setTimer(() => this.#fire(), leftMs);
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonicMs();
    for (;;) {
      this.#dropOver();
      const first = this.#waits[this.#head];
      if (first === undefined || first.dueMs > now) break;
      first.timeOut();
    }
    this.#arm();
  }

  /** Waits mostly end in the order they began, so that little stays behind one that is not over. */
  #dropOver(): void {
    while (this.#waits[this.#head]?.isOver === true) this.#head++;
    if (this.#head === this.#waits.length) {
      this.#waits = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#waits.length) {
      this.#waits = this.#waits.slice(this.#head);
      this.#head = 0;
    }
  }
}
