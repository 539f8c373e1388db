import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import type { EventHandler } from "../core/bus.ts";
import { CacheError } from "../core/errors.ts";
import { MAX_EVENT_BYTES } from "../core/limits.ts";
import type { Meter } from "../core/telemetry.ts";
import type { DeadLetter } from "./codec.ts";
import { deliver } from "./delivery.ts";
import { QuietLog } from "./quiet_log.ts";

const EVENT = '{"namespace":"n","keys":["k3y"],"action":"delete","timestamp":1}';

interface Delivered {
  readonly verdict: string;
  readonly counted: readonly string[];
  readonly buried: readonly (readonly [Uint8Array, DeadLetter])[];
  readonly log: string;
}

async function delivered(
  message: string | Uint8Array,
  { handler = () => Promise.resolve(), canBury = true, buries = true }: {
    readonly handler?: EventHandler;
    readonly canBury?: boolean;
    readonly buries?: boolean;
  } = {},
): Promise<Delivered> {
  const counted: string[] = [];
  const buried: (readonly [Uint8Array, DeadLetter])[] = [];
  const lines: unknown[] = [];
  const keep = (...line: unknown[]): void => void lines.push(line);
  const logger = { debug: keep, info: keep, warn: keep, error: keep };
  const meter: Pick<Meter, "invalidationEvent"> = {
    invalidationEvent: (...count) => counted.push(count.join(" ")),
  };
  const bury = (body: Uint8Array, letter: DeadLetter): Promise<void> => {
    if (!canBury) return Promise.reject(new CacheError("broker_unavailable", "No broker."));
    buried.push([body, letter]);
    return Promise.resolve();
  };
  const verdict = await deliver(
    typeof message === "string" ? new TextEncoder().encode(message) : message,
    {
      limits: { maxKeyBytes: 512, maxValueBytes: 1024 },
      meter,
      log: new QuietLog({ clock: new FakeClock(), logger }),
      bury: buries ? bury : undefined,
      handler,
    },
  );
  return { verdict, counted, buried, log: JSON.stringify(lines) };
}

Deno.test("an event that was carried out is acknowledged, and counted by its handler", async () => {
  assert.deepEqual(await delivered(EVENT), {
    verdict: "acknowledge",
    counted: [],
    buried: [],
    log: "[]",
  });
});

Deno.test("an event that meets a store outage comes again", async () => {
  const handler: EventHandler = () =>
    Promise.reject(new CacheError("circuit_open", "The store is away."));
  const { verdict, counted, buried } = await delivered(EVENT, { handler });
  assert.equal(verdict, "again");
  assert.deepEqual(counted, ["delete retried"]);
  assert.deepEqual(buried, []);
});

Deno.test("what is no event, and what the handler refuses, is buried and acknowledged", async () => {
  const refuse: EventHandler = () => Promise.reject(new TypeError("k3y"));
  for (const [message, reason] of [["{}", "invalid_namespace"], [EVENT, "refused"]] as const) {
    const { verdict, counted, buried, log } = await delivered(message, { handler: refuse });
    assert.equal(verdict, "acknowledge");
    assert.deepEqual(counted, ["unknown dead"]);
    const [[body, letter] = []] = buried;
    assert.equal(letter?.reason, reason);
    assert.equal(new TextDecoder().decode(body), message);
    assert(log.includes(reason) && !log.includes("k3y") && !letter.detail.includes("k3y"));
  }
});

Deno.test("a message that is too large is buried without its body", async () => {
  const { buried } = await delivered(new Uint8Array(MAX_EVENT_BYTES + 1));
  const [[body, letter] = []] = buried;
  assert.equal(body?.length, 0);
  assert(letter?.detail.includes(`${MAX_EVENT_BYTES + 1}`));
});

Deno.test("a message whose dead letter did not arrive comes again and is not counted", async () => {
  const { verdict, counted, log } = await delivered("{}", { canBury: false });
  assert.equal(verdict, "again");
  assert.deepEqual(counted, []);
  assert(log.includes("broker_unavailable") || log.includes("No broker."));
});

Deno.test("where somebody else buries, what is dead is done with, and counted by nobody", async () => {
  for (const handler of [undefined, () => Promise.reject(new CacheError("internal", "no"))]) {
    const message = handler === undefined ? "no event" : EVENT;
    const options = handler === undefined ? {} : { handler };
    assert.deepEqual(await delivered(message, { ...options, buries: false }), {
      verdict: "acknowledge",
      counted: [],
      buried: [],
      log: "[]",
    });
  }
});
