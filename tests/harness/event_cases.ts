import fc from "fast-check";
import { keys } from "./entries.ts";
import { eventMessage } from "./event_brokers.ts";

/** Before all that is written now, and not so long ago that it is refused for its age. */
const PAST_MS = 60_000;
/** The clocks of service and Redis may differ by as much. */
const LEAD_MS = 50;

/** An event, and the keys of its namespace. */
export interface EventCase {
  /** Names of keys, and the values that stand before the event. */
  readonly before: ReadonlyMap<string, string>;
  readonly action: "delete" | "update";
  /** Keys of the event, some of which may be absent or named twice. */
  readonly keys: readonly string[];
  /** The new values that the event tells. */
  readonly values: ReadonlyMap<string, string>;
  readonly time: "seconds" | "milliseconds" | "text" | "past";
}

const text = fc.string({ maxLength: 40 });

export const eventCases: fc.Arbitrary<EventCase> = fc
  .uniqueArray(keys, { minLength: 2, maxLength: 8 })
  .chain((names) =>
    fc.record({
      before: fc.subarray(names, { minLength: 1 }).chain((some) => valuesOf(some)),
      action: fc.constantFrom("delete" as const, "update" as const),
      keys: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 6 }),
      values: fc.subarray(names).chain((some) => valuesOf(some)),
      time: fc.constantFrom("seconds" as const, "milliseconds", "text", "past"),
    })
  );

function valuesOf(names: readonly string[]): fc.Arbitrary<ReadonlyMap<string, string>> {
  return fc.tuple(...names.map(() => text)).map((values) =>
    new Map(names.map((name, i) => [name, values[i] ?? ""]))
  );
}

/** All keys that a case is about. */
export function namesOf({ before, keys, values }: EventCase): string[] {
  return [...new Set([...before.keys(), ...keys, ...values.keys()])];
}

/** What stands after the event; what is missing is a miss. */
export function afterEvent(
  { before, action, keys, values, time }: EventCase,
): ReadonlyMap<string, string> {
  const after = new Map(before);
  for (const key of keys) {
    const value = action === "update" ? values.get(key) : undefined;
    if (value === undefined) after.delete(key);
    // A value from before what stands is of no use; a removal is harmless.
    else if (time !== "past" || !before.has(key)) after.set(key, value);
  }
  return after;
}

/** The event as another service sends it at `nowMs`. */
export function messageOf(
  { action, keys, values, time }: EventCase,
  { namespace, nowMs }: { readonly namespace: string; readonly nowMs: number },
): Uint8Array {
  const encoder = new TextEncoder();
  const encoded: Record<string, string> = Object.create(null);
  for (const [key, value] of values) encoded[key] = encoder.encode(value).toBase64();
  const atMs = Math.floor(nowMs) + LEAD_MS;
  const timestamp = {
    seconds: Math.floor(atMs / 1000),
    milliseconds: atMs,
    text: new Date(atMs).toISOString(),
    past: atMs - PAST_MS,
  }[time];
  return eventMessage({ namespace, keys, action, values: encoded, timestamp });
}
