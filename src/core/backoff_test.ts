import assert from "node:assert/strict";
import { Backoff } from "./backoff.ts";

function backoffWith(share: number): Backoff {
  const random = { uint32: () => Math.floor(share * 2 ** 32), bytes: () => new Uint8Array(0) };
  return new Backoff({ random, firstMs: 1000, longestMs: 30_000 });
}

Deno.test("the bound of the pauses doubles up to the longest, and begins anew after a success", () => {
  const backoff = backoffWith(0.5);
  const pauses = Array.from({ length: 7 }, () => backoff.nextMs());
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  backoff.reset();
  assert.equal(backoff.nextMs(), 500);
});

Deno.test("a pause is anything from nothing to its bound", () => {
  assert.equal(backoffWith(0).nextMs(), 0);
  assert(backoffWith(1 - 2 ** -32).nextMs() < 1000);
});
