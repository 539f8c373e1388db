import { OperationRecord } from "../core/operation_record.ts";
import type { Operation } from "../core/principal.ts";
import type { Span } from "../core/span.ts";
import type { Arrival, Meter, Observer, OperationAnswer } from "../core/telemetry.ts";

/** What an observer hands operations on to. */
export interface ObserverParts {
  readonly meter: Meter;
  /** Absent where operations are not logged. */
  readonly log?: {
    write(
      record: OperationRecord,
      end: { readonly status: number | string; readonly durationMs: number },
    ): void;
  };
  /** Absent where nothing is traced. */
  readonly tracer?: {
    begin(operation: Operation, arrival: Arrival): Span | undefined;
    end(span: Span, record: OperationRecord, status: number | string): void;
  };
}

/** Measures, logs and traces operations. */
export class OperationObserver implements Observer {
  readonly #parts: ObserverParts;

  constructor(parts: ObserverParts) {
    this.#parts = parts;
  }

  begin(operation: Operation, arrival: Arrival): OperationRecord {
    const { tracer } = this.#parts;
    return new OperationRecord(operation, {
      correlationId: arrival.correlationId,
      startedAtMs: arrival.atMs,
      span: tracer?.begin(operation, arrival),
    });
  }

  end(record: OperationRecord, { status, atMs }: OperationAnswer): void {
    const { meter, log, tracer } = this.#parts;
    const durationMs = atMs - record.startedAtMs;
    meter.operation(record, durationMs / 1000);
    log?.write(record, { status, durationMs });
    if (record.span !== undefined) tracer?.end(record.span, record, status);
  }
}
