import type { Clock } from "../core/clock.ts";
import type { LogFields, Logger } from "../core/telemetry.ts";

/** A warning is written again after this time. */
const QUIET_MS = 60_000;
/** Warnings told apart; all others count as one. */
const MAX_KINDS = 100;

interface Kind {
  readonly saidAtMs: number;
  suppressed: number;
}

/**
 * Warns of what may happen again and again: each warning at once when it is new, then at most once a
 * minute with how often it was kept back. Warnings are told apart by their message and their member
 * `reason`.
 */
export class QuietLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #kinds = new Map<string, Kind>();

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  warn(message: string, fields: LogFields & { readonly reason: string }): void {
    const name = `${message} ${fields.reason}`;
    const kindName = this.#kinds.has(name) || this.#kinds.size < MAX_KINDS ? name : "";
    const kind = this.#kinds.get(kindName);
    const now = this.#clock.monotonicMs();
    if (kind !== undefined && now - kind.saidAtMs < QUIET_MS) {
      kind.suppressed++;
      return;
    }
    this.#kinds.set(kindName, { saidAtMs: now, suppressed: 0 });
    const suppressed = kind?.suppressed ?? 0;
    this.#logger.warn(message, suppressed === 0 ? fields : { ...fields, suppressed });
  }
}
