import assert from "node:assert/strict";
import { InFlight } from "./in_flight.ts";

Deno.test("idle waits for the last of all that have begun", async () => {
  const inFlight = new InFlight();
  await inFlight.idle();
  inFlight.begin();
  inFlight.begin();
  let isIdle = false;
  const idle = inFlight.idle().then(() => void (isIdle = true));
  inFlight.end();
  await Promise.resolve();
  assert.deepEqual([isIdle, inFlight.count], [false, 1]);
  inFlight.end();
  await idle;
  assert.equal(inFlight.count, 0);
});
