import type { Clock, Timer } from "../core/clock.ts";
import type { Entry } from "../core/entry.ts";
import type { Store, WriteOutcome } from "../core/store.ts";
import type { Logger } from "../core/telemetry.ts";
import type { Copies } from "./copies.ts";
import type { OutageJournal } from "./outage_journal.ts";

/** How a journaled write ended. */
export type ReplayOutcome = "replayed" | "superseded" | "expired";

/** Large enough for 20,000 entries a second, small enough for requests in between to wait 10 ms. */
const BATCH = 128;
/** Pause before another attempt while the store is away. */
const RETRY_MS = 100;
/** Time that a replay has; it is tried again after. */
const REPLAY_TIMEOUT_MS = 3000;

export interface RecoveryParts {
  readonly store: Store;
  readonly journal: OutageJournal;
  readonly copies: Copies<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
  onReplayed?(outcome: ReplayOutcome): void;
}

/**
 * Brings the journal to the store whenever there is something in it, in batches: between two of them
 * requests have their turn. A write that fails goes behind the others. Otherwise those of a Cluster's
 * node that is back would wait for those of one that is still away.
 */
export class Recovery {
  readonly #parts: RecoveryParts;
  #timer: Timer | undefined;
  #isRunning = false;
  #isStopped = false;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** To be called when something was journaled. */
  wake(): void {
    if (this.#timer === undefined && !this.#isRunning) this.#schedule(RETRY_MS);
  }

  /** Tries until the journal is empty, at most `timeoutMs`; logs what could not be delivered. */
  async finish(timeoutMs: number): Promise<void> {
    const { journal, clock, logger } = this.#parts;
    const endsAtMs = clock.monotonicMs() + timeoutMs;
    while (journal.size > 0 && clock.monotonicMs() < endsAtMs) {
      await new Promise<void>((resolve) => void clock.setTimer(resolve, RETRY_MS));
    }
    this.#isStopped = true;
    this.#timer?.cancel();
    if (journal.size > 0) {
      logger.error("stopped with writes that were acknowledged but not delivered", {
        writes: journal.size,
      });
    }
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#parts.clock.setTimer(() => {
      this.#timer = undefined;
      void this.#run();
    }, delayMs);
  }

  async #run(): Promise<void> {
    const { journal } = this.#parts;
    this.#isRunning = true;
    try {
      while (journal.size > 0 && !this.#isStopped) {
        const results = await Promise.all(
          journal.oldest(BATCH).map(async ([key, entry]) => {
            const isDone = await this.#replay(key, entry);
            if (!isDone) journal.defer(key);
            return isDone;
          }),
        );
        if (!results.some(Boolean)) break;
      }
    } finally {
      this.#isRunning = false;
    }
    if (journal.size > 0) this.#schedule(RETRY_MS);
  }

  /** Whether the store answered for the entry; a replay removes only the entry that it sent. */
  async #replay(key: string, entry: Entry): Promise<boolean> {
    const { store, journal, copies, clock, logger } = this.#parts;
    const ticket = copies.write(key);
    let outcome: WriteOutcome;
    try {
      outcome = await store.write({
        key,
        entry,
        mode: "replay",
        deadlineMs: clock.monotonicMs() + REPLAY_TIMEOUT_MS,
      });
    } catch (error) {
      logger.error("a journaled write could not be replayed", { error });
      return false;
    } finally {
      // The store does not report this process's own writes to it; what reads under way bring is too old.
      copies.changed(key);
      copies.done(ticket);
    }
    if (outcome.status === "failed" || outcome.status === "late") return false;
    journal.settled(key, entry.stamp);
    this.#parts.onReplayed?.(
      outcome.status === "superseded" ? "superseded" : outcome.isExpired ? "expired" : "replayed",
    );
    return true;
  }
}
