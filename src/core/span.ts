/** A stretch of work in a trace (W3C Trace Context). */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Tells others what their work is a part of (W3C Trace Context, section 3.2). */
  readonly traceparent: string;
  /** Begins a part of it. */
  child(name: string, attributes?: SpanAttributes): Span;
  set(attributes: SpanAttributes): void;
  /** Marks it as failed, by a code of `core/errors.ts`. */
  fail(code: string): void;
  end(): void;
}

/** By the names of OpenTelemetry's semantic conventions; never a key or a value. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;
