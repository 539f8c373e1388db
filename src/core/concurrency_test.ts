import assert from "node:assert/strict";
import { Concurrency, tooManyOperations } from "./concurrency.ts";

Deno.test("as many enter as there are places, and others as they leave", () => {
  const concurrency = new Concurrency(2);
  assert.deepEqual([1, 2, 3].map(() => concurrency.tryEnter()), [true, true, false]);
  assert.equal(concurrency.count, 2);
  concurrency.leave();
  assert.deepEqual([1, 2].map(() => concurrency.tryEnter()), [true, false]);
  concurrency.leave();
  concurrency.leave();
  assert.equal(concurrency.count, 0);
});

Deno.test("who finds no place is told to come back", () => {
  const { code, retryAfterSeconds } = tooManyOperations();
  assert.deepEqual([code, retryAfterSeconds], ["overloaded", 1]);
});
