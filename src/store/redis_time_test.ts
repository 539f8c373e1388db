import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { RedisTime } from "./redis_time.ts";

Deno.test("time is the median of the nodes' clocks, each of which may differ from it", () => {
  const clock = new FakeClock();
  const time = new RedisTime(clock);
  assert(Number.isNaN(time.nowMs()));
  assert.deepEqual([time.uncertaintyMs(), time.aheadMs("a")], [Infinity, 0]);
  const nowMs = 1_000_000;
  for (const [node, skewMs] of [["a", 0], ["b", 4000], ["c", -9000]] as const) {
    time.learn(node, { timeMs: nowMs + skewMs, sentAtMs: clock.monotonicMs() });
  }
  assert.equal(time.nowMs(), nowMs);
  assert.deepEqual(["a", "b", "c", "d"].map((node) => time.aheadMs(node)), [0, 4000, -9000, 0]);
  time.keepOnly(new Set(["b", "c"]));
  assert.equal(time.nowMs(), nowMs + 4000);
  assert.deepEqual(["b", "c"].map((node) => time.aheadMs(node)), [0, -13_000]);
});

Deno.test("time is as uncertain as the node that took longest to tell it", () => {
  const clock = new FakeClock();
  const time = new RedisTime(clock);
  for (const [node, tripMs] of [["a", 2], ["b", 50], ["c", 4]] as const) {
    time.learn(node, { timeMs: 1_000_000, sentAtMs: clock.monotonicMs() - tripMs });
  }
  assert.equal(time.uncertaintyMs(), 25);
  time.learn("b", { timeMs: 1_000_000, sentAtMs: clock.monotonicMs() - 6 });
  assert.equal(time.uncertaintyMs(), 3);
});
