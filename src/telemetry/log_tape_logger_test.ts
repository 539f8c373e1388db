import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { CacheError } from "../core/errors.ts";
import { OperationRecord } from "../core/operation_record.ts";
import { type LoggerOptions, LogTapeLogger } from "./log_tape_logger.ts";

/** What was written, as text. */
function memoryStream(): { stream: WritableStream<Uint8Array>; text: () => string } {
  const decoder = new TextDecoder();
  let text = "";
  const stream = new WritableStream<Uint8Array>({
    write: (chunk) => void (text += decoder.decode(chunk)),
  });
  return { stream, text: () => text };
}

function openLogger(
  stream: WritableStream<Uint8Array>,
  options: Partial<LoggerOptions> = {},
): Promise<LogTapeLogger> {
  return LogTapeLogger.open({
    level: "info",
    format: "json",
    logRequests: true,
    hashKeys: false,
    stream,
    colour: false,
    clock: new FakeClock(),
    ...options,
  });
}

Deno.test("a line is one JSON object with time, level, message, logger and fields", async () => {
  const { stream, text } = memoryStream();
  const logger = await openLogger(stream);
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
    const logger = await openLogger(stream, { format: "pretty", colour });
    logger.info("started", { port: 8080 });
    await logger.close();
    assert.equal(text().includes("\u001b["), colour);
    assert(text().includes("port=8080"));
  }
});

Deno.test("a pretty line is one line, and no terminal obeys what a caller sent", async () => {
  const { stream, text } = memoryStream();
  const logger = await openLogger(stream, { format: "pretty" });
  logger.info("received", { subject: "a\n2025 [INF] forged\u001b[2J" });
  await logger.close();
  assert.equal(text().split("\n").length, 2);
  assert.equal(text().includes("\u001b"), false);
});

Deno.test("closing does not wait for a stream that takes nothing", async () => {
  const clock = new FakeClock();
  const logger = await openLogger(new WritableStream({ write: () => new Promise(() => {}) }), {
    clock,
  });
  logger.info("nobody reads this");
  const closed = logger.close();
  await clock.advance(1000);
  await closed;
});

Deno.test("lines of operations and all others keep their order", async () => {
  const { stream, text } = memoryStream();
  const logger = await openLogger(stream);
  const record = new OperationRecord("get", { correlationId: "c", startedAtMs: 0 });
  logger.info("before");
  logger.requests.write(record, { status: 200, durationMs: 1 });
  logger.info("after");
  await logger.close();
  const messages = text().trimEnd().split("\n").map((line) => JSON.parse(line).message);
  assert.deepEqual(messages, ["before", "request", "after"]);
});

Deno.test("the level changes while it runs, and every change is told", async () => {
  const { stream, text } = memoryStream();
  const logger = await openLogger(stream, { level: "error" });
  const record = new OperationRecord("get", { correlationId: "c", startedAtMs: 0 });
  const tellAll = (): void => {
    for (const level of ["debug", "info", "warn", "error"] as const) logger[level](level);
    logger.requests.write(record, { status: 200, durationMs: 1 });
  };
  for (const level of ["debug", "warn", "warn"] as const) {
    tellAll();
    logger.level = level;
  }
  tellAll();
  assert.equal(logger.level, "warn");
  await logger.close();
  const lines = text().trimEnd().split("\n").map((line) => JSON.parse(line));
  const change = "the log level changed";
  assert.deepEqual(lines.map(({ message }) => message), [
    ...["error", change],
    ...["debug", "info", "warn", "error", "request", change],
    ...["warn", "error"],
    ...["warn", "error"],
  ]);
  const changes = lines.filter(({ message }) => message === change);
  assert.deepEqual(changes.map(({ from, to }) => [from, to]), [
    ["error", "debug"],
    ["debug", "warn"],
  ]);
});

Deno.test("operations have no lines where they are not to be logged, at whatever level", async () => {
  const { stream, text } = memoryStream();
  const logger = await openLogger(stream, { logRequests: false });
  const record = new OperationRecord("get", { correlationId: "c", startedAtMs: 0 });
  logger.level = "debug";
  logger.requests.write(record, { status: 200, durationMs: 1 });
  await logger.close();
  assert.equal(text().includes("request"), false);
});
