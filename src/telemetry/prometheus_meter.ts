import { Counter, Registry } from "prom-client";
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

  authFailure(reason: string): void {
    this.#authFailures.inc({ reason });
  }

  decryptionFailure(): void {
    this.#decryptionFailures.inc();
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
