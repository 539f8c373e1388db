import type { Clock } from "../core/clock.ts";
import { CacheError } from "../core/errors.ts";
import type { OperationRecord } from "../core/operation_record.ts";
import type { Principal } from "../core/principal.ts";

/** What one call brings along besides its request. */
export interface Call {
  readonly principal: Principal;
  /** Takes what is to be told of it. */
  readonly record: OperationRecord;
  /** Monotonic milliseconds after which the caller no longer waits. */
  readonly deadlineMs: number;
  /** Aborted when the caller goes away. */
  readonly signal?: AbortSignal;
  /** The caller wants no copy: its read asks the store by itself. */
  readonly noCache?: boolean;
}

/** How long a caller waits. */
export type Patience = Pick<Call, "deadlineMs" | "signal">;

/** The time in which a call's work must be over, and how to tell. */
export interface CallBounds {
  readonly call: Patience;
  readonly clock: Clock;
  /** The longest that the work can take: where that ends before the deadline, no timer is set. */
  readonly timeoutMs: number;
}

/** Starts work and follows it as `withinDeadline` does; does not start it where time is over. */
export function startWithinDeadline<T>(start: () => Promise<T>, bounds: CallBounds): Promise<T> {
  if (isOver(bounds.call, bounds.clock)) return Promise.reject(deadlineExceeded());
  return withinDeadline(start(), bounds);
}

/** Whether the caller no longer waits. */
export function isOver({ deadlineMs, signal }: Patience, clock: Clock): boolean {
  return clock.monotonicMs() >= deadlineMs || signal?.aborted === true;
}

/**
 * Follows `work` until the caller's deadline or cancellation, then rejects with
 * `deadline_exceeded`; the work itself goes on.
 */
export function withinDeadline<T>(work: Promise<T>, bounds: CallBounds): Promise<T> {
  const { call: { deadlineMs, signal }, clock, timeoutMs } = bounds;
  const leftMs = deadlineMs - clock.monotonicMs();
  if (signal === undefined && leftMs >= timeoutMs) return work;
  return new Promise<T>((resolve, reject) => {
    const giveUp = () => {
      settle();
      reject(deadlineExceeded());
    };
    const timer = leftMs < timeoutMs ? clock.setTimer(giveUp, Math.max(0, leftMs)) : undefined;
    const settle = () => {
      timer?.cancel();
      signal?.removeEventListener("abort", giveUp);
    };
    signal?.addEventListener("abort", giveUp);
    work.then((value) => {
      settle();
      resolve(value);
    }, (error) => {
      settle();
      reject(error);
    });
    if (signal?.aborted) giveUp();
  });
}

/** The failure of a call whose caller no longer waits. */
export function deadlineExceeded(): CacheError {
  return new CacheError("deadline_exceeded", "The call's deadline passed before it was done.");
}
