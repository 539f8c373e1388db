import {
  ROOT_CONTEXT,
  type Span as SdkSpan,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { Span, SpanAttributes } from "../core/span.ts";

/** What all spans of one call share. */
export interface SpanParts {
  readonly tracer: Tracer;
  /**
   * Unix milliseconds with fractions. By the SDK's own each span would begin at a whole millisecond,
   * and parts of a short call would seem to outlast it.
   */
  nowMs(): number;
}

/** A span that is recorded. Its parts name it as their parent: there is no current span. */
export class OtelSpan implements Span {
  readonly #span: SdkSpan;
  readonly #parts: SpanParts;

  constructor(span: SdkSpan, parts: SpanParts) {
    this.#span = span;
    this.#parts = parts;
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  get spanId(): string {
    return this.#span.spanContext().spanId;
  }

  get traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-01`;
  }

  child(name: string, attributes: SpanAttributes = {}): Span {
    const context = trace.setSpan(ROOT_CONTEXT, this.#span);
    const options = { kind: kindOf(attributes), attributes, startTime: this.#parts.nowMs() };
    return new OtelSpan(this.#parts.tracer.startSpan(name, options, context), this.#parts);
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes);
  }

  fail(code: string): void {
    this.#span.setAttribute("error.type", code).setStatus({ code: SpanStatusCode.ERROR });
  }

  end(): void {
    this.#span.end(this.#parts.nowMs());
  }
}

/** A call that is part of a trace which is not recorded: its ids are the caller's. */
export class UnrecordedSpan implements Span {
  readonly traceId: string;
  readonly spanId: string;

  constructor(ids: { readonly traceId: string; readonly spanId: string }) {
    this.traceId = ids.traceId;
    this.spanId = ids.spanId;
  }

  get traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-00`;
  }

  child(): Span {
    return this;
  }

  set(): void {}
  fail(): void {}
  end(): void {}
}

/** By the semantic conventions what goes to a database or a broker has a kind of its own. */
function kindOf(attributes: SpanAttributes): SpanKind {
  if ("db.system.name" in attributes) return SpanKind.CLIENT;
  return "messaging.operation.type" in attributes ? SpanKind.PRODUCER : SpanKind.INTERNAL;
}
