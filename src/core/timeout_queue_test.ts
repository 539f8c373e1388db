import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { TimeoutQueue } from "./timeout_queue.ts";

function queue(): { clock: FakeClock; timeouts: TimeoutQueue } {
  const clock = new FakeClock();
  return { clock, timeouts: new TimeoutQueue({ clock, timeoutMs: 100 }) };
}

Deno.test("each wait ends at its own time, and those that are over do not", () => {
  const { clock, timeouts } = queue();
  const ended: string[] = [];
  const first = timeouts.begin(() => ended.push("first"));
  clock.advanceSync(30);
  timeouts.begin(() => ended.push("second"));
  clock.advanceSync(30);
  timeouts.begin(() => ended.push("third"));
  first.end();
  clock.advanceSync(69);
  assert.deepEqual(ended, []);
  clock.advanceSync(1);
  assert.deepEqual(ended, ["second"]);
  clock.advanceSync(30);
  assert.deepEqual(ended, ["second", "third"]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("thousands of waits share one timer, and what is over is let go", () => {
  const { clock, timeouts } = queue();
  let ended = 0;
  for (let i = 0; i < 10_000; i++) {
    const wait = timeouts.begin(() => ended++);
    if (i % 100 !== 0) wait.end();
    if (i % 1000 === 0) clock.advanceSync(1);
  }
  assert.equal(clock.pendingTimers, 1);
  clock.advanceSync(200);
  assert.equal(ended, 100);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a wait that begins while others end has its full time", () => {
  const { clock, timeouts } = queue();
  const ended: number[] = [];
  timeouts.begin(() => timeouts.begin(() => ended.push(clock.monotonicMs())));
  const startMs = clock.monotonicMs();
  clock.advanceSync(150);
  assert.deepEqual(ended, []);
  clock.advanceSync(50);
  assert.deepEqual(ended, [startMs + 200]);
});

Deno.test("a queue that is stopped ends nothing", () => {
  const { clock, timeouts } = queue();
  timeouts.begin(() => assert.fail("ended"));
  timeouts.stop();
  assert.equal(clock.pendingTimers, 0);
  clock.advanceSync(200);
});
