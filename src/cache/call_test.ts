import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import type { Principal } from "../core/principal.ts";
import { withinDeadline } from "./call.ts";

const principal: Principal = { subject: "test", namespaces: new Set(), scopes: new Set() };

Deno.test("work that ends first gives its result and leaves no timer", async () => {
  const clock = new FakeClock();
  const call = { principal, deadlineMs: clock.monotonicMs() + 50 };
  const work = Promise.resolve(7);
  assert.equal(await withinDeadline(work, { call, clock, timeoutMs: 100 }), 7);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("work that takes longer is given up at the deadline, and not a moment before", async () => {
  const clock = new FakeClock();
  const call = { principal, deadlineMs: clock.monotonicMs() + 50 };
  const work = Promise.withResolvers<number>();
  let failed: unknown;
  const followed = withinDeadline(work.promise, { call, clock, timeoutMs: 100 })
    .catch((error) => failed = error);
  await clock.advance(49);
  assert.equal(failed, undefined);
  await clock.advance(1);
  await followed;
  assert.equal(Reflect.get(Object(failed), "code"), "deadline_exceeded");
  work.reject(new Error("nobody listens any more"));
});

Deno.test("work that must end before the deadline needs no timer", () => {
  const clock = new FakeClock();
  const call = { principal, deadlineMs: clock.monotonicMs() + 100 };
  const work = Promise.resolve(1);
  assert.equal(withinDeadline(work, { call, clock, timeoutMs: 100 }), work);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a caller that goes away stops waiting, also one that has gone already", async () => {
  const clock = new FakeClock();
  for (const abortFirst of [true, false]) {
    const caller = new AbortController();
    const call = { principal, deadlineMs: Infinity, signal: caller.signal };
    if (abortFirst) caller.abort();
    const followed = withinDeadline(new Promise(() => {}), { call, clock, timeoutMs: 100 });
    caller.abort();
    await assert.rejects(followed, { code: "deadline_exceeded" });
  }
});
