import { createHash } from "node:crypto";
import type { TextFormatter } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import type { OperationRecord } from "../core/operation_record.ts";
import type { LogBuffer } from "./log_buffer.ts";

export interface RequestLogOptions {
  readonly buffer: LogBuffer;
  readonly clock: Clock;
  /** Whether a line tells its key by a hash. */
  readonly hashKeys: boolean;
  /** Makes the lines; without it they are JSON. */
  readonly pretty?: TextFormatter;
}

/** How an operation was answered. */
export interface OperationEnd {
  /** A status of HTTP, or the name of one of gRPC. */
  readonly status: number | string;
  readonly durationMs: number;
}

const MESSAGE = "request";
const CATEGORY = ["cache-service", "request"];
const HEAD = `","level":"info","message":"${MESSAGE}","logger":"${CATEGORY.join(".")}",`;
/** Hexadecimal digits of a key's hash. */
const HASH_LENGTH = 8;

/**
 * Writes a line for each operation, at level info whatever its outcome: a fault of the service has a
 * line of its own. The lines do not pass through LogTape, which would cost ten times as much.
 */
export class RequestLog {
  /** Whether lines are written. */
  enabled = true;
  readonly #options: RequestLogOptions;
  #timestampMs = NaN;
  #timestamp = "";

  constructor(options: RequestLogOptions) {
    this.#options = options;
  }

  /** Logs an operation that was just answered. Never waits and never throws. */
  write(record: OperationRecord, end: OperationEnd): void {
    if (!this.enabled) return;
    const { buffer, clock, pretty } = this.#options;
    const nowMs = clock.wallMs();
    const members = this.#members(record, end);
    buffer.write(
      pretty === undefined ? `{"timestamp":"${this.#rfc3339(nowMs)}${HEAD}${members}}\n` : pretty({
        category: CATEGORY,
        level: "info",
        message: [MESSAGE],
        rawMessage: MESSAGE,
        timestamp: nowMs,
        properties: JSON.parse(`{${members}}`),
      }),
    );
  }

  /** Members of a JSON object. What may hold anything but letters, digits and `_` is escaped. */
  #members(record: OperationRecord, { status, durationMs }: OperationEnd): string {
    const { span, namespace, source, subject } = record;
    let members = `"correlation_id":${JSON.stringify(record.correlationId)}`;
    if (span !== undefined) members += `,"trace_id":"${span.traceId}","span_id":"${span.spanId}"`;
    members += `,"operation":"${record.operation}"`;
    if (namespace !== undefined) members += `,"namespace":${JSON.stringify(namespace)}`;
    members += `,"outcome":"${record.outcome}"`;
    if (source !== undefined) members += `,"source":"${source}"`;
    members += `,"duration_ms":${Math.round(durationMs * 1000) / 1000}`;
    members += `,"status":${typeof status === "number" ? status : `"${status}"`}`;
    members += `,"degraded":${record.degraded}`;
    if (subject !== undefined) members += `,"subject":${JSON.stringify(subject)}`;
    if (this.#options.hashKeys && record.key !== undefined) {
      members += `,"key_hash":"${hashOf(record.key)}"`;
    }
    return members;
  }

  /** The text of a time is made once a millisecond. */
  #rfc3339(ms: number): string {
    if (ms !== this.#timestampMs) {
      this.#timestampMs = ms;
      this.#timestamp = new Date(ms).toISOString();
    }
    return this.#timestamp;
  }
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, HASH_LENGTH);
}
