import type { Meter } from "../core/telemetry.ts";

/** Counts nothing, for `METRICS_ENABLED=false`. */
export class NoMeter implements Meter {
  operation(): void {}
  httpRequest(): void {}
  rpc(): void {}
  authFailure(): void {}
  decryptionFailure(): void {}
  invalidationEvent(): void {}
  invalidationLag(): void {}
  eviction(): void {}
  journalWrite(): void {}
  breakerTransition(): void {}
  stampedeSaved(): void {}
  trackingInvalidation(): void {}
}
