import type { Clock, Timer } from "./clock.ts";

/** One wait for something that should come before its timeout. */
export interface Wait {
  /** Set when it has come, or was given up. */
  isOver: boolean;
  readonly dueMs: number;
  readonly onTimeout: () => void;
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
    const dueMs = this.#clock.monotonicMs() + this.#timeoutMs;
    const wait: Wait = { isOver: false, dueMs, onTimeout };
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
      first.isOver = true;
      first.onTimeout();
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
