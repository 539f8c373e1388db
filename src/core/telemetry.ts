import type { OperationRecord } from "./operation_record.ts";
import type { Operation } from "./principal.ts";

/** Members of a log line; never a key, a value, a token or a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** From the least to the most severe. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Writes log lines; never blocks and never throws. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

interface ArrivalOfAny {
  readonly correlationId: string;
  /** Monotonic milliseconds. */
  readonly atMs: number;
  /** The caller's headers or metadata, by names in lower case. */
  readonly headers: { get(name: string): string | null | undefined };
}

/** Where a call comes in, and by what. */
export type Arrival =
  & ArrivalOfAny
  & ({ readonly api: "rest"; readonly method: string } | { readonly api: "grpc" });

/** How and when an operation was answered. */
export interface OperationAnswer {
  /** A status of HTTP, or the name of one of gRPC. */
  readonly status: number | string;
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

/** Turns operations into metrics, log lines and spans; never throws. */
export interface Observer {
  /** To be called as the operation comes in. */
  begin(operation: Operation, arrival: Arrival): OperationRecord;
  /** To be called once it is answered, at `atMs` of the monotonic clock. */
  end(record: OperationRecord, answer: OperationAnswer): void;
}

/** Counts what happens; never throws. */
export interface Meter {
  /** An operation has ended. */
  operation(record: OperationRecord, seconds: number): void;
  /** A request was answered; `route` is one of few templates. */
  httpRequest(
    request: { readonly route: string; readonly method: string; readonly status: number },
    seconds: number,
  ): void;
  /** A call was answered; `code` is the name of a gRPC status. */
  rpc(call: { readonly method: string; readonly code: string }, seconds: number): void;
  /**
   * A call was refused for who makes it; `reason` is one of few words, never anything of the call.
   */
  authFailure(reason: string): void;
  /** A stored value could not be opened. */
  decryptionFailure(): void;
  /** An invalidation event came, and what became of it; `action` is "unknown" for no event. */
  invalidationEvent(action: string, outcome: "applied" | "retried" | "dead"): void;
  /** Seconds from an event's time to its being carried out. */
  invalidationLag(seconds: number): void;
  /** Entries left the near cache, or the memory backend. */
  eviction(reason: string, entries: number): void;
  /** A journaled write came to its end. */
  journalWrite(outcome: "replayed" | "superseded" | "expired" | "refused"): void;
  breakerTransition(to: string): void;
  /** A read joined another one of its key. */
  stampedeSaved(): void;
  /** The store reported a change of an entry. */
  trackingInvalidation(): void;
}
