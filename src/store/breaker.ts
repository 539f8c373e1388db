import type { Clock } from "../core/clock.ts";

export type BreakerState = "closed" | "open" | "half-open";

/** When a breaker opens and closes. */
export interface BreakerOptions {
  /** Failures in a row that open it, 1 or more. */
  readonly failureThreshold: number;
  /** The longest it stays open before a call may try the node again. */
  readonly openTimeoutMs: number;
  /** Calls that one half-open state lets through; at least `successThreshold`, or it never ends. */
  readonly halfOpenRequests: number;
  /** Successes that close it when half-open, 1 or more. */
  readonly successThreshold: number;
  readonly clock: Clock;
  /** Told of every change of state, once it is made; must not throw. */
  readonly onTransition?: (to: BreakerState) => void;
}

/** What an operator sets of them. */
export type BreakerSettings = Omit<BreakerOptions, "clock" | "onTransition">;

/** Leave to make one call. To be settled once, when the call is over; more often does no harm. */
export interface Permit {
  /** The breaker's own note: in which of its eras the call began. */
  era: number;
  /** Monotonic milliseconds at which it began. */
  readonly beganAtMs: number;
}

const SETTLED = -1;

/**
 * Keeps calls from one node that fails. It has no timers: an open breaker becomes half-open when
 * {@linkcode enter} is called after the timeout, or when a ping was answered.
 *
 * A result counts in the era only in which its call began, and every change of state begins a new
 * one. Otherwise calls that hung since before the node came back would time out one after another
 * and open the breaker anew.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #state: BreakerState = "closed";
  #era = 0;
  /** Failures in a row of this era. */
  #failures = 0;
  /** Successes of this era's trial calls. */
  #successes = 0;
  /** Trial calls let through in this era. */
  #trials = 0;
  #openUntilMs = 0;
  /** Monotonic milliseconds of the beginning of the latest call or ping that was answered. */
  #answeredAtMs = -Infinity;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Leave for one call; without it the call must not be made. */
  enter(): Permit | undefined {
    if (this.#state === "open") {
      if (this.retryAfterMs() > 0) return undefined;
      this.#change("half-open");
    }
    if (this.#state === "half-open") {
      if (this.#trials >= this.#options.halfOpenRequests) return undefined;
      this.#trials++;
    }
    return { era: this.#era, beganAtMs: this.#options.clock.monotonicMs() };
  }

  /** The node carried the call out. */
  succeeded(permit: Permit): void {
    this.#answeredAtMs = Math.max(this.#answeredAtMs, permit.beganAtMs);
    if (!this.#settle(permit)) return;
    this.#failures = 0;
    if (this.#state !== "half-open") return;
    this.#successes++;
    if (this.#successes >= this.#options.successThreshold) this.#change("closed");
  }

  /**
   * No answer came. It counts unless the node has answered what began later, or at most `graceMs`
   * earlier: then not the node is broken but a connection, and the calls that hung on it would open
   * the breaker for everybody.
   */
  unanswered(permit: Permit, graceMs: number): void {
    if (permit.beganAtMs - graceMs < this.#answeredAtMs) this.released(permit);
    else this.failed(permit);
  }

  /** The node could not be reached, or is in no state to serve. */
  failed(permit: Permit): void {
    if (!this.#settle(permit)) return;
    this.#failures++;
    const { failureThreshold } = this.#options;
    if (this.#state === "half-open" || this.#failures >= failureThreshold) this.#change("open");
  }

  /** The call says nothing about the node, or was not made: a trial is given back. */
  released(permit: Permit): void {
    if (this.#settle(permit) && this.#state === "half-open") this.#trials--;
  }

  /** The node answered a ping sent at `sentAtMs` (monotonic), so calls may try it before the timeout. */
  probeAnswered(sentAtMs: number): void {
    this.#answeredAtMs = Math.max(this.#answeredAtMs, sentAtMs);
    if (this.#state === "open") this.#change("half-open");
  }

  /** Milliseconds until the timeout lets calls through; 0 when the breaker is not open. */
  retryAfterMs(): number {
    if (this.#state !== "open") return 0;
    return Math.max(0, this.#openUntilMs - this.#options.clock.monotonicMs());
  }

  /** Takes the permit back; false when its result does not count. */
  #settle(permit: Permit): boolean {
    const counts = permit.era === this.#era;
    permit.era = SETTLED;
    return counts;
  }

  #change(to: BreakerState): void {
    const { clock, openTimeoutMs, onTransition } = this.#options;
    this.#state = to;
    this.#era++;
    this.#failures = 0;
    this.#successes = 0;
    this.#trials = 0;
    if (to === "open") this.#openUntilMs = clock.monotonicMs() + openTimeoutMs;
    onTransition?.(to);
  }
}
