import { Counter, Histogram, Registry } from "prom-client";
import type { Meter } from "../core/telemetry.ts";

/** Counts for Prometheus, under the names of docs/operating.md. */
export class PrometheusMeter implements Meter {
  readonly #registry = new Registry();
  readonly #authFailures = new Counter({
    name: "cache_auth_failures_total",
    help: "Calls refused for who made them, by reason.",
    labelNames: ["reason"],
    registers: [this.#registry],
  });
  readonly #decryptionFailures = new Counter({
    name: "cache_decryption_failures_total",
    help: "Stored values that could not be opened.",
    registers: [this.#registry],
  });

  readonly #invalidationEvents = new Counter({
    name: "cache_invalidation_events_total",
    help: "Invalidation events received, by action and outcome.",
    labelNames: ["action", "outcome"],
    registers: [this.#registry],
  });
  readonly #invalidationLag = new Histogram({
    name: "cache_invalidation_lag_seconds",
    help: "Seconds from an invalidation event's time to its being carried out.",
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
    registers: [this.#registry],
  });

  authFailure(reason: string): void {
    this.#authFailures.inc({ reason });
  }

  decryptionFailure(): void {
    this.#decryptionFailures.inc();
  }

  invalidationEvent(action: string, outcome: string): void {
    this.#invalidationEvents.inc({ action, outcome });
  }

  invalidationLag(seconds: number): void {
    this.#invalidationLag.observe(seconds);
  }

  /** The type of what `exposition` gives. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  exposition(): Promise<string> {
    return this.#registry.metrics();
  }
}
