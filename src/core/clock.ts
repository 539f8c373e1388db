/** A timer that has not fired yet. */
export interface Timer {
  /** Stops the timer; a second call, or a call after it fired, does nothing. */
  cancel(): void;
}

/**
 * The time of this process. `core` and `cache` never read time by themselves: a test that owns the
 * clock owns every interleaving.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch by the wall clock, which may jump. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start, with fractions; never goes back. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs` milliseconds. */
  setTimer(callback: () => void, delayMs: number): Timer;
}

/** A source of randomness. */
export interface Random {
  /** An unsigned integer below 2^32. */
  uint32(): number;
  /** `length` random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}
