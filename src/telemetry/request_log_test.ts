import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { OperationRecord } from "../core/operation_record.ts";
import type { Span } from "../core/span.ts";
import { LogBuffer } from "./log_buffer.ts";
import { prettyLine } from "./log_line.ts";
import { RequestLog, type RequestLogOptions } from "./request_log.ts";

const END = { status: 200, durationMs: 1.23456 };

/** What a request log writes while `write` runs. */
async function written(
  write: (log: RequestLog, clock: FakeClock) => void,
  options: Partial<RequestLogOptions> = {},
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const stream = new WritableStream<Uint8Array>({
    write: (chunk) => void (text += decoder.decode(chunk)),
  });
  const clock = new FakeClock();
  const buffer = new LogBuffer({ stream, clock });
  write(new RequestLog({ buffer, clock, hashKeys: false, ...options }), clock);
  await buffer.close();
  return text;
}

function hit({ correlationId = "c-1", span }: {
  readonly correlationId?: string;
  readonly span?: Span;
} = {}): OperationRecord {
  const record = new OperationRecord("get", { correlationId, startedAtMs: 0, span });
  record.namespace = "users";
  record.key = "ключ";
  record.subject = "service-a";
  record.outcome = "hit";
  record.read({ found: true, source: "local", degraded: true });
  return record;
}

const SPAN: Span = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceparent: "",
  child: () => SPAN,
  set(): void {},
  fail(): void {},
  end(): void {},
};

Deno.test("an operation has one line with all its members, and never its key", async () => {
  const line = await written((log) => log.write(hit({ span: SPAN }), END));
  assert.deepEqual(Object.entries(JSON.parse(line)), [
    ["timestamp", "2025-01-01T00:00:00.000Z"],
    ["level", "info"],
    ["message", "request"],
    ["logger", "cache-service.request"],
    ["correlation_id", "c-1"],
    ["trace_id", SPAN.traceId],
    ["span_id", SPAN.spanId],
    ["operation", "get"],
    ["namespace", "users"],
    ["outcome", "hit"],
    ["source", "local"],
    ["duration_ms", 1.235],
    ["status", 200],
    ["degraded", true],
    ["subject", "service-a"],
  ]);
  assert(line.endsWith("}\n"));
});

Deno.test("what is not known of an operation has no member", async () => {
  const record = new OperationRecord("batch_set", { correlationId: "c-2", startedAtMs: 0 });
  record.outcome = "unauthorized";
  const end = { status: "UNAUTHENTICATED", durationMs: 0 };
  const line = await written((log) => log.write(record, end), { hashKeys: true });
  assert.deepEqual(Object.keys(JSON.parse(line)).slice(4), [
    "correlation_id",
    "operation",
    "outcome",
    "duration_ms",
    "status",
    "degraded",
  ]);
  assert.equal(JSON.parse(line).status, "UNAUTHENTICATED");
});

Deno.test("whatever a caller sends stays inside its member", async () => {
  const hostile = '","level":"error"}\n{"x\\\u0000\u2028\ud800';
  const record = hit({ correlationId: hostile });
  record.namespace = hostile;
  record.subject = hostile;
  const text = await written((log) => log.write(record, END));
  assert.equal(text.split("\n").length, 2);
  const line = JSON.parse(text);
  assert.equal(line.level, "info");
  assert.deepEqual([line.correlation_id, line.namespace, line.subject], [
    hostile,
    hostile,
    hostile,
  ]);
});

Deno.test("LOG_KEYS=hash tells 8 hexadecimal digits of the SHA-256 of the key", async () => {
  const line = await written((log) => log.write(hit(), END), { hashKeys: true });
  const bytes = new TextEncoder().encode("ключ");
  const hash = createHash("sha256").update(bytes).digest("hex");
  assert.equal(JSON.parse(line).key_hash, hash.slice(0, 8));
  assert.equal(line.includes("ключ"), false);
});

Deno.test("each line has the time of its writing", async () => {
  const text = await written((log, clock) => {
    for (const stepMs of [0, 0, 1, 86_400_000]) {
      clock.advanceSync(stepMs);
      log.write(hit(), END);
    }
  });
  assert.deepEqual(text.trimEnd().split("\n").map((line) => JSON.parse(line).timestamp), [
    "2025-01-01T00:00:00.000Z",
    "2025-01-01T00:00:00.000Z",
    "2025-01-01T00:00:00.001Z",
    "2025-01-02T00:00:00.001Z",
  ]);
});

Deno.test("pretty lines look as all others do", async () => {
  const pretty = prettyLine(false);
  const text = await written((log) => log.write(hit(), END), { pretty });
  assert.match(text, /^2025-01-01 00:00:00\.000 .*\[INF\] cache-service·request: request corr/);
  assert(
    text.includes(" correlation_id=c-1 operation=get namespace=users outcome=hit source=local"),
  );
  assert(text.endsWith(" degraded=true subject=service-a\n"));
});

Deno.test("nothing is written while it is not enabled", async () => {
  const text = await written((log) => {
    log.enabled = false;
    log.write(hit(), END);
  });
  assert.equal(text, "");
});
