import assert from "node:assert/strict";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { answerStream } from "./answer_stream.ts";

const TIMEOUT_MS = 1000;
const BODY = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);

function setUp(): {
  clock: FakeClock;
  ends: () => number;
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
} {
  const clock = new FakeClock();
  const timeouts = new TimeoutQueue({ clock, timeoutMs: TIMEOUT_MS });
  let ends = 0;
  const stream = answerStream(BODY, { timeouts, onEnd: () => void ends++ });
  return { clock, ends: () => ends, reader: stream.getReader() };
}

Deno.test("the pieces are the whole, and the end comes after the last", async () => {
  const { clock, ends, reader } = setUp();
  const received: number[] = [];
  while (received.length < BODY.length) {
    assert.equal(ends(), 0);
    await clock.advance(TIMEOUT_MS - 1);
    received.push(...(await reader.read()).value ?? []);
  }
  assert.deepEqual(received, [...BODY]);
  assert.equal((await reader.read()).done, true);
  await clock.advance(TIMEOUT_MS);
  assert.equal(ends(), 1);
});

Deno.test("a reader that leaves is an end", async () => {
  const { clock, ends, reader } = setUp();
  await reader.read();
  await reader.cancel();
  await clock.advance(TIMEOUT_MS);
  assert.equal(ends(), 1);
});

Deno.test("a reader that takes nothing for the timeout is cut off", async () => {
  const { clock, ends, reader } = setUp();
  await reader.read();
  await clock.advance(TIMEOUT_MS - 1);
  assert.equal(ends(), 0);
  await clock.advance(1);
  assert.equal(ends(), 1);
  await assert.rejects(reader.read(), /takes no more/);
});
