import type { RewrapRun } from "../cache/rewrap.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { CacheError } from "../core/errors.ts";
import { problemOf } from "./problem.ts";

const INTERVAL_MS = 1000;

const UTF8 = new TextEncoder();

/**
 * Follows a rewrap as lines of JSON (NDJSON): its counts at once and every second, then a last line
 * with `"done":true` or, where it ended early, with the problem as `error`. A client that goes away
 * cancels the rewrap. Calls `onEnd` once, when no line is to come.
 */
export function rewrapLines(
  run: RewrapRun,
  options: {
    readonly clock: Clock;
    readonly correlationId: string;
    readonly onEnd: () => void;
  },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { clock, correlationId, onEnd } = options;
  let timer: Timer | undefined;
  let isOver = false;
  const end = (): void => {
    isOver = true;
    timer?.cancel();
    onEnd();
  };
  return new ReadableStream({
    start(controller): void {
      const write = (members: object): void => {
        const line = JSON.stringify({ ...run.progress(), ...members });
        controller.enqueue(UTF8.encode(`${line}\n`));
      };
      const tick = (): void => {
        // A client that reads slowly gets fewer lines.
        if ((controller.desiredSize ?? 0) > 0) write({});
        timer = clock.setTimer(tick, INTERVAL_MS);
      };
      const last = (members: object): void => {
        if (isOver) return;
        write(members);
        controller.close();
        end();
      };
      tick();
      run.done.then(
        () => last({ done: true }),
        (error) => last({ error: problemOf(error, correlationId) }),
      );
    },
    cancel(): void {
      run.cancel(new CacheError("deadline_exceeded", "The client went away."));
      end();
    },
  });
}
