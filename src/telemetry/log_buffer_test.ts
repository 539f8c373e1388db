import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { LogBuffer } from "./log_buffer.ts";

/** A stream that takes what is written only while it is not blocked. */
class Reader {
  readonly chunks: string[] = [];
  readonly #decoder = new TextDecoder();
  #gate = Promise.withResolvers<void>();

  constructor({ blocked = false } = {}) {
    if (!blocked) this.#gate.resolve();
  }

  readonly stream = new WritableStream<Uint8Array>({
    write: async (chunk) => {
      await this.#gate.promise;
      this.chunks.push(this.#decoder.decode(chunk));
    },
  });

  readOn(): void {
    this.#gate.resolve();
  }

  fail(): void {
    this.#gate.reject(new Error("broken pipe"));
  }

  get lines(): string[] {
    return this.chunks.join("").split("\n").slice(0, -1);
  }
}

Deno.test("lines are written together, a tenth of a second after the first", async () => {
  const clock = new FakeClock();
  const reader = new Reader();
  const buffer = new LogBuffer({ stream: reader.stream, clock });
  buffer.write("a\n");
  await clock.advance(60);
  buffer.write("b\n");
  await clock.advance(39);
  assert.deepEqual(reader.chunks, []);
  await clock.advance(1);
  assert.deepEqual(reader.chunks, ["a\nb\n"]);
  assert.equal(clock.pendingTimers, 0);
  buffer.write("c\n");
  await clock.advance(100);
  assert.deepEqual(reader.chunks, ["a\nb\n", "c\n"]);
  await buffer.close();
});

Deno.test("64 KiB of lines are written at once", async () => {
  const clock = new FakeClock();
  const reader = new Reader();
  const buffer = new LogBuffer({ stream: reader.stream, clock });
  const line = "x".repeat(1023) + "\n";
  for (let i = 0; i < 64; i++) buffer.write(line);
  await clock.advance(0);
  assert.deepEqual(reader.chunks.map((chunk) => chunk.length), [64 * 1024]);
  assert.equal(clock.pendingTimers, 0);
  await buffer.close();
});

Deno.test("one write is under way at a time, and what comes meanwhile follows it", async () => {
  const clock = new FakeClock();
  const reader = new Reader({ blocked: true });
  const buffer = new LogBuffer({ stream: reader.stream, clock });
  for (const line of ["a\n", "b\n", "c\n"]) {
    buffer.write(line);
    await clock.advance(100);
  }
  reader.readOn();
  await clock.advance(100);
  assert.deepEqual(reader.chunks, ["a\n", "b\nc\n"]);
  await buffer.close();
});

Deno.test("a blocked stream drops what does not fit, in whole lines, and counts it", async () => {
  const clock = new FakeClock();
  const reader = new Reader({ blocked: true });
  const maxBytes = 1024 * 1024;
  const buffer = new LogBuffer({ stream: reader.stream, clock, maxBytes });
  const perSecond = 100_000;
  let written = 0;
  for (let second = 0; second < 3; second++) {
    for (let i = 0; i < perSecond; i++) {
      buffer.write(`{"line":${written++},"text":"${"é".repeat(99)}"}\n`);
    }
    await clock.advance(1000);
  }
  assert(buffer.dropped > 2 * perSecond);
  reader.readOn();
  await clock.advance(1000);
  const lines = reader.lines.map((line) => JSON.parse(line).line);
  assert.deepEqual(lines, lines.map((_, i) => i), "the first lines, in order");
  assert.equal(lines.length + buffer.dropped, written);
  const bytes = new TextEncoder().encode(reader.chunks.join("")).length;
  // A batch that is not encoded yet counts by characters.
  assert(bytes > maxBytes / 2 && bytes <= maxBytes + 64 * 1024, `${bytes} bytes were held`);

  const dropped = buffer.dropped;
  buffer.write("room again\n");
  await buffer.close();
  assert.equal(reader.lines.at(-1), "room again");
  assert.equal(buffer.dropped, dropped);
});

Deno.test("a line above the bound is dropped alone", async () => {
  const reader = new Reader();
  const buffer = new LogBuffer({ stream: reader.stream, clock: new FakeClock(), maxBytes: 10 });
  buffer.write("x".repeat(10) + "\n");
  buffer.write("short\n");
  await buffer.close();
  assert.deepEqual(reader.lines, ["short"]);
  assert.equal(buffer.dropped, 1);
});

Deno.test("lines that the stream fails to take are counted", async () => {
  const clock = new FakeClock();
  const reader = new Reader({ blocked: true });
  const buffer = new LogBuffer({ stream: reader.stream, clock });
  buffer.write("a\n");
  buffer.write("b\n");
  await clock.advance(100);
  reader.fail();
  await clock.advance(0);
  assert.equal(buffer.dropped, 2);
  buffer.write("c\n");
  await clock.advance(100);
  assert.equal(buffer.dropped, 3);
  await buffer.close();
});

Deno.test("closing waits for a slow reader, and loses nothing", async () => {
  const clock = new FakeClock();
  const reader = new Reader({ blocked: true });
  const buffer = new LogBuffer({ stream: reader.stream, clock });
  const written = 10_000;
  for (let i = 0; i < written; i++) buffer.write(`line ${i} ${"x".repeat(100)}\n`);
  const closed = buffer.close();
  await clock.advance(999);
  reader.readOn();
  await closed;
  assert.equal(reader.lines.length, written);
  assert.equal(buffer.dropped, 0);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(reader.stream.locked, false);
});

Deno.test("closing gives up after a second", async () => {
  const clock = new FakeClock();
  const reader = new Reader({ blocked: true });
  const buffer = new LogBuffer({ stream: reader.stream, clock });
  buffer.write("nobody reads this\n");
  let isClosed = false;
  const closed = buffer.close().then(() => isClosed = true);
  await clock.advance(999);
  assert.equal(isClosed, false);
  await clock.advance(1);
  await closed;
  buffer.write("late\n");
  assert.equal(buffer.dropped, 1);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("closing waits for what was batched during a write as well", async () => {
  const clock = new FakeClock();
  const writes: (() => void)[] = [];
  const stream = new WritableStream<Uint8Array>({
    write: () => new Promise((resolve) => writes.push(resolve)),
  });
  const buffer = new LogBuffer({ stream, clock });
  for (let i = 0; i < 2; i++) buffer.write("x".repeat(64 * 1024) + "\n");
  await clock.advance(0);
  writes[0]?.();
  await clock.advance(0);
  let isClosed = false;
  const closed = buffer.close().then(() => isClosed = true);
  await clock.advance(0);
  assert.equal(isClosed, false);
  writes[1]?.();
  await closed;
  assert.equal(writes.length, 2);
});
