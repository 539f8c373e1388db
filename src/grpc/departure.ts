import { constants, type ServerHttp2Stream } from "node:http2";
import type { MemoryBudget } from "../core/memory_budget.ts";
import type { TimeoutQueue } from "../core/timeout_queue.ts";
import type { Connections } from "./connections.ts";

/** What bounds the answers of a server while their clients take them. */
export interface DepartureLimits {
  readonly budget: MemoryBudget;
  /** How long a client may take over an answer. */
  readonly timeouts: TimeoutQueue;
  readonly connections: Connections;
}

/** Answers with fewer bytes are not counted: nearly all are gone as soon as they are made. */
const COUNTED_BYTES = 64 * 1024;

/**
 * Follows an answer of `bytes` that is about to go by `stream`: holds them in the budget until the
 * client has taken them, and gives it up where that takes too long. False where there is no room.
 */
export function beginDeparture(
  stream: ServerHttp2Stream,
  { bytes, limits: { budget, timeouts, connections } }: {
    readonly bytes: number;
    readonly limits: DepartureLimits;
  },
): boolean {
  if (stream.destroyed) return true;
  const heldBytes = bytes > COUNTED_BYTES ? bytes : 0;
  if (!budget.tryReserve(heldBytes)) return false;
  const { session } = stream;
  const wait = timeouts.begin(() => stream.close(constants.NGHTTP2_CANCEL));
  // In Deno a write is done when the stream has it, long before the client has; so only the end of
  // the stream tells, and of that the connection may still have much to send.
  stream.once("close", () => {
    wait.end();
    if (heldBytes > 0) connections.whenTaken(session, () => budget.release(heldBytes));
  });
  return true;
}
