import assert from "node:assert/strict";
import { uncaught } from "./uncaught.ts";

Deno.test("an error that nobody handles is told, and ends the process no more", async () => {
  const target = new EventTarget();
  const ended = uncaught(target);
  const error = new Error("nobody handles this");
  const event = new ErrorEvent("error", { error, cancelable: true });
  target.dispatchEvent(event);
  assert(event.defaultPrevented);
  await assert.rejects(ended, error);
});

Deno.test("so is a rejected promise; the first of all counts", async () => {
  const target = new EventTarget();
  const ended = uncaught(target);
  const promise = Promise.resolve();
  for (const reason of [new Error("first"), new Error("second")]) {
    const event = new PromiseRejectionEvent("unhandledrejection", {
      promise,
      reason,
      cancelable: true,
    });
    target.dispatchEvent(event);
    assert(event.defaultPrevented);
  }
  await assert.rejects(ended, { message: "first" });
});
