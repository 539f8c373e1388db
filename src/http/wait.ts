import type { TimeoutQueue } from "../core/timeout_queue.ts";

/**
 * Calls `onTimeout` unless the function it returns is called first. The queue may keep a wait long
 * after it is over; what `onTimeout` holds, such as a body, is let go at once.
 */
export function beginWait(timeouts: TimeoutQueue, onTimeout: () => void): () => void {
  let action: (() => void) | undefined = onTimeout;
  const wait = timeouts.begin(() => action?.());
  return () => {
    wait.isOver = true;
    action = undefined;
  };
}
