import assert from "node:assert/strict";
import { percentile, spread } from "./statistics.ts";

Deno.test("the median is the middle number, or lies between the two in the middle", () => {
  assert.deepEqual(spread([10, 9, 100]), { median: 10, min: 9, max: 100 });
  assert.deepEqual(spread([4, 1, 3, 100]), { median: 3.5, min: 1, max: 100 });
  assert.deepEqual(spread([7]), { median: 7, min: 7, max: 7 });
});

Deno.test("a percentile is a number of the list, by nearest rank", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(percentile(hundred, 50), 50);
  assert.equal(percentile(hundred, 99), 99);
  assert.equal(percentile(hundred, 99.1), 100);
  assert.equal(percentile(hundred, 100), 100);
  assert.equal(percentile([20, 3], 50), 3);
});

Deno.test("no numbers have no statistics", () => {
  assert.throws(() => spread([]), RangeError);
  assert.throws(() => percentile([], 50), RangeError);
});
