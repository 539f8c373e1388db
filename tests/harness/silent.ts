import type { Logger, Meter } from "../../src/core/telemetry.ts";

/** A logger for tests that read no log. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/** A meter for tests that read no metrics. */
export const silentMeter: Meter = {
  authFailure: () => {},
  decryptionFailure: () => {},
  invalidationEvent: () => {},
  invalidationLag: () => {},
};
