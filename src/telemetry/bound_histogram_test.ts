import assert from "node:assert/strict";
import fc from "fast-check";
import { Histogram, Registry } from "prom-client";
import { propertyOptions } from "../../tests/support/seeded_random.ts";
import { BoundHistogram } from "./bound_histogram.ts";

Deno.test("it exposes what the library's own histogram would", async () => {
  const buckets = [0.1, 1, 10];
  const value = fc.oneof(fc.constantFrom(0.1, 1, 10), fc.double({ min: 0, max: 20, noNaN: true }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("a", "b"), value), { minLength: 1 }),
      async (observed) => {
        const config = { name: "h_seconds", help: "Help.", labelNames: ["x"], buckets };
        const [ours, theirs] = [new Registry(), new Registry()];
        const bound = new BoundHistogram({ ...config, registers: [ours] });
        const library = new Histogram({ ...config, registers: [theirs] });
        const series = new Map<string, ReturnType<typeof bound.bind>>();
        for (const [x, seconds] of observed) {
          const one = series.get(x) ?? bound.bind({ x });
          series.set(x, one);
          one.observe(seconds);
          library.observe({ x }, seconds);
        }
        const lines = (text: string): string[] =>
          text.split("\n").map((line) => line.replace(/x="(.)",le="(.*)"/, 'le="$2",x="$1"'));
        assert.deepEqual(lines(await ours.metrics()), lines(await theirs.metrics()));
      },
    ),
    propertyOptions(),
  );
});
