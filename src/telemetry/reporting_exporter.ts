import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { OnceAMinute } from "./once_a_minute.ts";

/** An exporter that warns of what it loses: at once, then with the sum of each minute. */
export class ReportingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #logger: Logger;
  readonly #warning: OnceAMinute;
  /** Since the last warning. */
  #lostSpans = 0;

  constructor(
    exporter: SpanExporter,
    { logger, clock }: { readonly logger: Logger; readonly clock: Clock },
  ) {
    this.#exporter = exporter;
    this.#logger = logger;
    this.#warning = new OnceAMinute(clock);
  }

  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      if (result.code === ExportResultCode.FAILED) this.#lost(spans.length, result.error);
      onResult(result);
    });
  }

  /** Resolves when no export is under way any more. */
  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  #lost(spans: number, error: Error | undefined): void {
    this.#lostSpans += spans;
    if (!this.#warning.isDue()) return;
    this.#logger.warn("Spans were lost: the collector of traces did not take them.", {
      spans: this.#lostSpans,
      // The message of an exporter's error; an answer's body, which it may hold besides, is not told.
      reason: error?.message ?? "unknown",
    });
    this.#lostSpans = 0;
  }
}
