import { OperationRecord } from "../../src/core/operation_record.ts";
import type { Logger, Meter, Observer } from "../../src/core/telemetry.ts";

/** A logger for tests that read no log. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/** A meter for tests that read no metrics. */
export const silentMeter: Meter = {
  operation: () => {},
  httpRequest: () => {},
  rpc: () => {},
  authFailure: () => {},
  decryptionFailure: () => {},
  invalidationEvent: () => {},
  invalidationLag: () => {},
  eviction: () => {},
  journalWrite: () => {},
  breakerTransition: () => {},
  stampedeSaved: () => {},
  trackingInvalidation: () => {},
};

/** An observer for tests that look at no records. */
export const silentObserver: Observer = {
  begin: (operation, { correlationId }) =>
    new OperationRecord(operation, { correlationId, startedAtMs: 0 }),
  end: () => {},
};

/** A record for a call whose record nobody reads. */
export function silentRecord(): OperationRecord {
  return new OperationRecord("get", { correlationId: "test", startedAtMs: 0 });
}
