import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { redisErrorKind } from "./redis_errors.ts";

/** A kind of failure is logged again after this time. */
const QUIET_MS = 10_000;
/** Kinds are the first words of Redis' errors; more than this many are no kinds. */
const MAX_KINDS = 100;

/**
 * Tells operators why Redis does not serve, without a line for each call: every kind of failure once
 * in ten seconds.
 */
export class FailureLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #saidAtMs = new Map<string, number>();

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** `what` says what was done when it failed; the error's own text may hold an address, no key. */
  tell(what: string, error: unknown): void {
    const kind = `${what} ${redisErrorKind(error)}`;
    const now = this.#clock.monotonicMs();
    if (now - (this.#saidAtMs.get(kind) ?? -Infinity) < QUIET_MS) return;
    if (this.#saidAtMs.size >= MAX_KINDS) this.#saidAtMs.clear();
    this.#saidAtMs.set(kind, now);
    const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
    this.#logger.warn(what, { reason });
  }
}
