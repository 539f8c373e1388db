import assert from "node:assert/strict";
import { FakeClock } from "./fake_clock.ts";

Deno.test("timers fire in order of time, then of setting, each at its own time", async () => {
  const clock = new FakeClock({ wallMs: 5_000, monotonicMs: 100 });
  const fired: string[] = [];
  const note = (name: string) => (): void => void fired.push(`${name}@${clock.monotonicMs()}`);
  clock.setTimer(note("late"), 30);
  clock.setTimer(note("first"), 10);
  clock.setTimer(note("second"), 10);
  clock.setTimer(note("never"), 31);
  await clock.advance(30);
  assert.deepEqual(fired, ["first@110", "second@110", "late@130"]);
  assert.equal(clock.wallMs(), 5_030);
  assert.equal(clock.pendingTimers, 1);
});

Deno.test("a cancelled timer does not fire, and cancelling again does nothing", () => {
  const clock = new FakeClock();
  const timer = clock.setTimer(() => assert.fail("fired"), 1);
  timer.cancel();
  timer.cancel();
  clock.advanceSync(10);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("advance lets promises settle between timers", async () => {
  const clock = new FakeClock();
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimer(resolve, ms));
  const startMs = clock.monotonicMs();
  const wokeMs: number[] = [];
  const sleeper = (async (): Promise<void> => {
    await Promise.resolve();
    for (let round = 0; round < 3; round++) {
      await sleep(10);
      await Promise.resolve();
      wokeMs.push(clock.monotonicMs() - startMs);
    }
  })();
  await clock.advance(30);
  assert.deepEqual(wokeMs, [10, 20, 30]);
  await sleeper;
});

Deno.test("advanceSync settles no promise but fires timers that timers set", () => {
  const clock = new FakeClock();
  let settled = false;
  let inner = false;
  clock.setTimer(() => {
    void Promise.resolve().then(() => settled = true);
    clock.setTimer(() => inner = true, 5);
  }, 5);
  clock.advanceSync(10);
  assert.deepEqual([inner, settled], [true, false]);
});

Deno.test("the wall clock jumps without moving the monotonic one", () => {
  const clock = new FakeClock({ wallMs: 5_000, monotonicMs: 0 });
  clock.jumpWall(-1_000);
  clock.advanceSync(1.5);
  assert.deepEqual([clock.wallMs(), clock.monotonicMs()], [4_001, 1.5]);
});

Deno.test("time does not go back", () => {
  assert.throws(() => new FakeClock().advanceSync(-1), RangeError);
  assert.throws(() => new FakeClock().advanceSync(NaN), RangeError);
});
