import assert from "node:assert/strict";
import { Latencies } from "./latencies.ts";

Deno.test("quantiles are those of the calls, at most 2 % too high", () => {
  const latencies = new Latencies();
  for (let ms = 1000; ms >= 1; ms--) latencies.add(ms);
  for (const [q, exact] of [[0.001, 1], [0.5, 500], [0.9, 900], [0.99, 990]] as const) {
    const quantile = latencies.quantileMs(q);
    assert(quantile >= exact * 0.9999 && quantile <= exact * 1.021, `${q}: ${quantile}`);
  }
  assert.deepEqual([latencies.count, latencies.maxMs, latencies.quantileMs(1)], [1000, 1000, 1000]);
});

Deno.test("no call, no time and an endless time have a place too", () => {
  const latencies = new Latencies();
  assert.deepEqual([latencies.count, latencies.maxMs, latencies.quantileMs(0.5)], [0, 0, 0]);
  latencies.add(0);
  assert.equal(latencies.quantileMs(0.5), 0);
  latencies.add(1e9);
  assert.equal(latencies.maxMs, 1e9);
  assert(latencies.quantileMs(0.99) > 100_000);
});
