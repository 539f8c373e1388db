import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { CacheError } from "../core/errors.ts";
import { LogTapeLogger } from "./log_tape_logger.ts";

/** What was written, as text. */
function memoryStream(): { stream: WritableStream<Uint8Array>; text: () => string } {
  const decoder = new TextDecoder();
  let text = "";
  const stream = new WritableStream<Uint8Array>({
    write: (chunk) => void (text += decoder.decode(chunk)),
  });
  return { stream, text: () => text };
}

Deno.test("a line is one JSON object with time, level, message, logger and fields", async () => {
  const { stream, text } = memoryStream();
  const logger = await LogTapeLogger.open({
    level: "info",
    format: "json",
    stream,
    colour: false,
    clock: new FakeClock(),
  });
  logger.debug("not shown");
  logger.warn("it failed", {
    count: 2,
    error: new CacheError("internal", "Inside.", { cause: new TypeError("why") }),
  });
  await logger.close();
  const lines = text().trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.length, 1);
  const { timestamp, error, ...rest } = lines[0];
  assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: "warn",
    message: "it failed",
    logger: "cache-service",
    count: 2,
  });
  assert.deepEqual([error.code, error.cause.message], ["internal", "why"]);
});

Deno.test("pretty lines have colours only where they may", async () => {
  for (const colour of [true, false]) {
    const { stream, text } = memoryStream();
    const logger = await LogTapeLogger.open({
      level: "info",
      format: "pretty",
      stream,
      colour,
      clock: new FakeClock(),
    });
    logger.info("started", { port: 8080 });
    await logger.close();
    assert.equal(text().includes("\u001b["), colour);
    assert(text().includes("port=8080"));
  }
});

Deno.test("closing does not wait for a stream that takes nothing", async () => {
  const clock = new FakeClock();
  const logger = await LogTapeLogger.open({
    level: "info",
    format: "json",
    stream: new WritableStream({ write: () => new Promise(() => {}) }),
    colour: false,
    clock,
  });
  logger.info("nobody reads this");
  const closed = logger.close();
  await clock.advance(1000);
  await closed;
});
