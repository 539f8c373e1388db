import {
  type Context,
  defaultTextMapGetter,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Clock } from "../core/clock.ts";
import { settlesWithin } from "../core/settles_within.ts";
import type { OperationRecord } from "../core/operation_record.ts";
import type { Operation } from "../core/principal.ts";
import type { Span } from "../core/span.ts";
import type { Arrival, Logger } from "../core/telemetry.ts";
import { OnceAMinute } from "./once_a_minute.ts";
import { OtelSpan, UnrecordedSpan } from "./otel_span.ts";
import { type OtelVariables, resourceAttributesOf, samplerOf } from "./otel_variables.ts";
import { ReportingExporter } from "./reporting_exporter.ts";
import { endAttributes, isServerFault, spanStart } from "./span_conventions.ts";

/** Ended spans that wait to be exported; more are dropped. */
const MAX_QUEUED_SPANS = 2048;
/** The most spans of one request to the collector; half of the queue leaves room meanwhile. */
const MAX_BATCH_SPANS = 512;
/** The longest that an ended span waits for its batch to fill. */
const BATCH_DELAY_MS = 1000;
/**
 * The longest time of one export, retries included. Nothing can end an export early, so this is below
 * the time that closing may take.
 */
const EXPORT_TIMEOUT_MS = 1500;
const CLOSE_TIMEOUT_MS = 2000;

export interface TracerOptions {
  /** Base URL of a collector that takes OTLP over HTTP; spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  /** Of this service. */
  readonly version: string;
  readonly variables: OtelVariables;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Traces calls by OpenTelemetry's SDK and exports them as OTLP over HTTP. Calls never wait for the
 * collector: what it does not take in time is lost, and warned of once a minute at most.
 */
export class OtelTracer {
  readonly #tracer: Tracer;
  readonly #provider: BasicTracerProvider;
  readonly #exporter: ReportingExporter;
  readonly #clock: Clock;
  readonly #propagator = new W3CTraceContextPropagator();

  private constructor(parts: {
    readonly provider: BasicTracerProvider;
    readonly exporter: ReportingExporter;
    readonly version: string;
    readonly clock: Clock;
  }) {
    this.#provider = parts.provider;
    this.#exporter = parts.exporter;
    this.#clock = parts.clock;
    this.#tracer = parts.provider.getTracer("cache-service", parts.version);
  }

  /** Connects to nothing yet. The SDK's own warnings go to `logger` until it is closed. */
  static open({ endpoint, version, variables, clock, logger }: TracerOptions): OtelTracer {
    reportDiagnostics(logger, clock);
    const otlp = new OTLPTraceExporter({
      url: tracesUrl(endpoint),
      timeoutMillis: EXPORT_TIMEOUT_MS,
      // Closing flushes all of the queue at once, perhaps beside an export under way.
      concurrencyLimit: MAX_QUEUED_SPANS / MAX_BATCH_SPANS + 1,
      // A connection that is kept could not be closed when the tracer is.
      keepAlive: false,
    });
    const exporter = new ReportingExporter(otlp, { logger, clock });
    const provider = new BasicTracerProvider({
      resource: defaultResource().merge(resourceFromAttributes({
        "service.name": "cache-service",
        "service.version": version,
        "service.instance.id": crypto.randomUUID(),
        ...resourceAttributesOf(variables, logger),
      })),
      sampler: samplerOf(variables, logger),
      spanProcessors: [
        new BatchSpanProcessor(exporter, {
          maxQueueSize: MAX_QUEUED_SPANS,
          maxExportBatchSize: MAX_BATCH_SPANS,
          scheduledDelayMillis: BATCH_DELAY_MS,
          exportTimeoutMillis: CLOSE_TIMEOUT_MS,
        }),
      ],
    });
    return new OtelTracer({ provider, exporter, version, clock });
  }

  /**
   * Begins the span of a call. Nothing where the call is not sampled, so that nothing else is made for
   * it either; but where it came with a trace, a span that only carries the caller's ids to the log.
   */
  begin(operation: Operation, arrival: Arrival): Span | undefined {
    const { name, attributes } = spanStart(operation, arrival);
    const context = this.#callersContext(arrival);
    const clock = this.#clock;
    const startTime = clock.wallMs();
    const options = { kind: SpanKind.SERVER, attributes, startTime };
    const span = this.#tracer.startSpan(name, options, context);
    if (span.isRecording()) {
      const sinceMs = clock.monotonicMs();
      const nowMs = (): number => startTime + clock.monotonicMs() - sinceMs;
      return new OtelSpan(span, { tracer: this.#tracer, nowMs });
    }
    const caller = trace.getSpanContext(context);
    return caller && new UnrecordedSpan(caller);
  }

  /** Ends the span of a call that was answered by a status of HTTP or the name of one of gRPC. */
  end(span: Span, record: OperationRecord, status: number | string): void {
    span.set(endAttributes(record, status));
    if (isServerFault(status)) span.fail(record.outcome);
    span.end();
  }

  /** Exports what is left, for at most 2 s; never rejects. */
  async close(): Promise<void> {
    // The exporter has warned of what failed.
    const flushed = Promise.allSettled([this.#provider.shutdown()])
      .then(() => Promise.allSettled([this.#exporter.forceFlush()]));
    await settlesWithin(flushed, { ms: CLOSE_TIMEOUT_MS, clock: this.#clock });
    diag.disable();
  }

  /** W3C Trace Context; what does not conform to it begins a new trace. */
  #callersContext({ headers }: Arrival): Context {
    const traceparent = headers.get("traceparent") ?? undefined;
    if (traceparent === undefined) return ROOT_CONTEXT;
    const carrier = { traceparent, tracestate: headers.get("tracestate") ?? undefined };
    return this.#propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
  }
}

function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  return url.href;
}

/**
 * The SDK tells of dropped spans and of variables it cannot read through this one global logger. Its
 * errors are failed exports, of which `ReportingExporter` warns.
 */
function reportDiagnostics(logger: Logger, clock: Clock): void {
  const warning = new OnceAMinute(clock);
  const ignore = (): void => {};
  diag.setLogger({
    error: ignore,
    warn: (message) => {
      if (warning.isDue()) logger.warn("The trace exporter warns.", { reason: message });
    },
    info: ignore,
    debug: ignore,
    verbose: ignore,
  }, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
