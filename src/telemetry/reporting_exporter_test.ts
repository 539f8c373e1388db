import assert from "node:assert/strict";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { LogFields, Logger } from "../core/telemetry.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { ReportingExporter } from "./reporting_exporter.ts";

/** `count` places for spans; nobody looks into them. */
function spans(count: number): ReadableSpan[] {
  return new Array(count);
}

Deno.test("lost spans are told of at once, and then in sum once a minute", async () => {
  const clock = new FakeClock();
  const warned: (LogFields | undefined)[] = [];
  const silent = (): void => {};
  const logger: Logger = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (_message, fields) => void warned.push(fields),
  };
  let result: ExportResult = { code: ExportResultCode.FAILED, error: new Error("refused") };
  const inner: SpanExporter = {
    export: (_spans, onResult) => onResult(result),
    shutdown: () => Promise.resolve(),
  };
  const exporter = new ReportingExporter(inner, { logger, clock });
  const results: ExportResult[] = [];
  const exportSome = (count: number): void =>
    exporter.export(spans(count), (result) => void results.push(result));

  exportSome(3);
  exportSome(4);
  await clock.advance(59_999);
  exportSome(5);
  assert.deepEqual(warned, [{ spans: 3, reason: "refused" }]);
  await clock.advance(1);
  exportSome(6);
  assert.deepEqual(warned.slice(1), [{ spans: 15, reason: "refused" }]);
  await clock.advance(60_000);
  result = { code: ExportResultCode.SUCCESS };
  exportSome(7);
  assert.equal(warned.length, 2);
  assert.deepEqual(results.map(({ code }) => code), [1, 1, 1, 1, 0]);
  await exporter.forceFlush();
  await exporter.shutdown();
});
