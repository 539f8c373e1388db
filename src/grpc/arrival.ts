import type { Readable } from "node:stream";
import { deadlineExceeded } from "../cache/call.ts";
import type { CacheError } from "../core/errors.ts";
import { type MemoryBudget, overBudget } from "../core/memory_budget.ts";
import type { TimeoutQueue } from "../core/timeout_queue.ts";

/** What bounds the requests of a server while they arrive. */
export interface ArrivalLimits {
  /** Holds what has come of each request until that is whole; its handler reserves for itself. */
  readonly budget: MemoryBudget;
  /** How long a request may take to come. */
  readonly timeouts: TimeoutQueue;
}

/** A request that has begun to come. */
export interface Arrival {
  /** Monotonic milliseconds until which the request may take, its handling included. */
  readonly dueMs: number;
  /** Counts a message that grew to `bytes` when it was decompressed. */
  decoded(bytes: number): void;
  /** The request is whole, or nobody waits for it any more. */
  end(): void;
}

/** Follows the bytes of `stream`; calls `refuse` once it takes too much of memory or time. */
export function beginArrival(
  stream: Readable,
  { limits: { budget, timeouts }, refuse }: {
    readonly limits: ArrivalLimits;
    readonly refuse: (error: CacheError) => void;
  },
): Arrival {
  let heldBytes = 0;
  const wait = timeouts.begin(() => refuse(deadlineExceeded()));
  const hold = (bytes: number): void => {
    if (wait.isOver) return;
    if (budget.tryReserve(bytes)) heldBytes += bytes;
    else refuse(overBudget());
  };
  stream.on("data", (chunk: Uint8Array) => hold(chunk.length));
  return {
    dueMs: wait.dueMs,
    decoded: (bytes) => hold(Math.max(0, bytes - heldBytes)),
    end: () => {
      wait.end();
      budget.release(heldBytes);
      heldBytes = 0;
    },
  };
}
