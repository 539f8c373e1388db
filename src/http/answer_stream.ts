import type { TimeoutQueue, Wait } from "../core/timeout_queue.ts";

const CHUNK_BYTES = 64 * 1024;

/**
 * The bytes of a large answer, piece by piece as the client takes them: only so does the server
 * learn when they are sent. Calls `onEnd` once, when the client has taken all or has gone away. A
 * client that takes nothing for the length of `timeouts` is cut off.
 */
export function answerStream(
  body: Uint8Array<ArrayBuffer>,
  { timeouts, onEnd }: { readonly timeouts: TimeoutQueue; readonly onEnd: () => void },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let offset = 0;
  let wait: Wait | undefined;
  const awaitPull = (controller: ReadableStreamDefaultController): void => {
    wait = timeouts.begin(() => {
      controller.error(new Error("The client takes no more of its answer."));
      onEnd();
    });
  };
  return new ReadableStream({
    start: awaitPull,
    pull: (controller) => {
      wait?.end();
      if (offset >= body.length) {
        controller.close();
        return onEnd();
      }
      controller.enqueue(body.subarray(offset, offset += CHUNK_BYTES));
      awaitPull(controller);
    },
    cancel: () => {
      wait?.end();
      onEnd();
    },
  }, { highWaterMark: 0 });
}
