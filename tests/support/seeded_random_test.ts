import assert from "node:assert/strict";
import fc from "fast-check";
import { propertyOptions, propertySeed, SeededRandom } from "./seeded_random.ts";

function numbers(seed: number, count: number): number[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => random.uint32());
}

Deno.test("one seed gives one sequence, today and tomorrow", () => {
  assert.deepEqual(numbers(42, 1_000), numbers(42, 1_000));
  assert.deepEqual(numbers(42, 3), [3882964438, 1177149777, 1632668721]);
});

Deno.test("seeds that differ anywhere give different sequences", () => {
  const seeds = [0, 1, 2, -1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
  assert.equal(new Set(seeds.map((seed) => numbers(seed, 2).join())).size, seeds.length);
});

Deno.test("below spreads evenly over its range", () => {
  const random = new SeededRandom(7);
  const counts = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 10_000; draw++) {
    const n = random.below(10);
    counts[n] = (counts[n] ?? NaN) + 1;
  }
  assert.ok(counts.every((count) => count > 850 && count < 1_150), counts.join());
});

Deno.test("bytes are of the length asked for and use all values", () => {
  const bytes = new SeededRandom(7).bytes(10_000);
  assert.equal(bytes.length, 10_000);
  assert.equal(new Set(bytes).size, 256);
});

Deno.test("a failing property prints the seed that PROPERTY_SEED gave", () => {
  const property = fc.property(fc.integer(), (n) => n !== n);
  const options = { ...propertyOptions(), seed: propertySeed("-12345") };
  assert.throws(() => fc.assert(property, options), /seed: -12345/);
});

Deno.test("a seed that is no 32-bit integer is refused", () => {
  for (const seed of ["", "x", "1.5", "4294967296"]) {
    assert.throws(() => propertySeed(seed), /PROPERTY_SEED must be/);
  }
});
