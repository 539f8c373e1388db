import type { EventHandler, InvalidationEvent } from "../../src/core/bus.ts";
import { waitFor } from "../support/wait_for.ts";

/** A bus may have failed for a while: its pauses between attempts grow up to 30 s. */
const DEADLINE_MS = 60_000;

/** A delete of the key `name`, by which {@linkcode Heard} knows it. */
export function namedEvent(
  name: string,
  more: Partial<InvalidationEvent> = {},
): InvalidationEvent {
  return {
    namespace: "users",
    keys: [name],
    action: "delete",
    atMs: 1_700_000_000_999,
    values: new Map(),
    ttlSeconds: undefined,
    ...more,
  };
}

/** `count` names in order, such as e000, e001. */
export function eventNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `e${String(i).padStart(3, "0")}`);
}

/** The events that came to a handler. */
export class Heard {
  readonly events: InvalidationEvent[] = [];

  readonly handler: EventHandler = (event) => {
    this.events.push(event);
    return Promise.resolve();
  };

  /** Sorted; an event that came twice is named twice. */
  get names(): readonly string[] {
    return this.events.map((event) => event.keys[0] ?? "").toSorted();
  }

  /** Waits until all of these have come. */
  async until(names: readonly string[], deadlineMs: number = DEADLINE_MS): Promise<void> {
    const missing = (): readonly string[] => {
      const here = new Set(this.names);
      return names.filter((name) => !here.has(name));
    };
    const what = `${names.length} events, the last one "${names.at(-1)}",`;
    await waitFor(() => missing().length === 0, { deadlineMs, intervalMs: 20, what });
  }
}
