import type { Clock } from "../core/clock.ts";
import type { Lease } from "../core/coherence.ts";
import { type Entry, FLAG_ENCRYPTED, isLive } from "../core/entry.ts";
import type { Envelope } from "../core/envelope.ts";
import { CacheError } from "../core/errors.ts";
import type { HybridClock, Stamp } from "../core/stamp.ts";
import type { Store, WriteOutcome } from "../core/store.ts";
import type { Meter } from "../core/telemetry.ts";
import { type Call, deadlineExceeded, isOver, startWithinDeadline } from "./call.ts";
import type { Ticket } from "./copies.ts";
import type { Local } from "./local.ts";
import type { Bytes } from "./operations.ts";
import type { PendingWrite } from "./outage_journal.ts";
import { storePart, traced } from "./traced.ts";

/** One write on its way. */
export interface Write {
  /** From `storeKey`. */
  readonly key: string;
  readonly entry: Entry;
  /** The value before it was sealed; nothing for a delete. */
  readonly value: Bytes | undefined;
}

/** A write that was acknowledged. */
export interface Acknowledged {
  readonly stamp: Stamp;
  /** Whether a live entry stood there before; in an outage, whether this process held one. */
  readonly replaced: boolean;
  /** The store is still owed it. */
  readonly degraded: boolean;
}

export interface WriteParts {
  readonly store: Store;
  readonly envelope: Envelope;
  readonly clock: Clock;
  readonly stamps: HybridClock;
  readonly meter: Meter;
  /** Absent where the store is local itself. */
  readonly local: Local | undefined;
}

/** A write that the store did not take. */
interface Failure {
  readonly outcome: Extract<WriteOutcome, { status: "failed" }>;
  readonly write: Write;
  readonly pending: PendingWrite | undefined;
}

type Attempt = Acknowledged | CacheError | Failure;

const NONE: ReadonlySet<string> = new Set();

/** Writes to the store, or while it is away to the journal. */
export class Writes {
  readonly #parts: WriteParts;

  constructor(parts: WriteParts) {
    this.#parts = parts;
  }

  /**
   * Makes each write; an error stands for a write that was not made. Those of which the store is away
   * are journaled all or none. Rejects with `deadline_exceeded` where the caller's time is over; what
   * has not reached the store by then is not made.
   */
  make(writes: readonly Write[], call: Call): Promise<(Acknowledged | CacheError)[]> {
    const { clock, store } = this.#parts;
    // A write that may still land is waited for, at most for its own timeout.
    const timeoutMs = 2 * store.timeoutMs;
    return startWithinDeadline(() => this.#make(writes, call), { call, clock, timeoutMs });
  }

  async #make(writes: readonly Write[], call: Call): Promise<(Acknowledged | CacheError)[]> {
    const tickets = writes.map(({ key }) => this.#parts.local?.copies.write(key));
    try {
      const part = { name: "store.write", command: "EVALSHA", keys: writes.length } as const;
      const attempts = await traced(
        call.record.span,
        storePart(this.#parts.store, part),
        async (span) => {
          const attempts = await Promise.all(
            writes.map((write, i) => this.#attempt(write, { ticket: tickets[i], call })),
          );
          const failure = attempts.find(isFailure);
          if (failure !== undefined) span?.fail(failure.outcome.error.code);
          return attempts;
        },
      );
      return await this.#journalFailed(attempts, call);
    } finally {
      for (const ticket of tickets) {
        if (ticket !== undefined) this.#parts.local?.copies.done(ticket);
      }
    }
  }

  async #attempt(
    write: Write,
    { ticket, call }: { readonly ticket: Ticket | undefined; readonly call: Call },
  ): Promise<Attempt> {
    const { store, local, stamps, clock } = this.#parts;
    const { key, entry } = write;
    const pending = local?.journal.begin(key, entry.stamp);
    const sentAtMs = clock.monotonicMs();
    let isOver = true;
    try {
      const { deadlineMs } = call;
      const outcome = await store.write({ key, entry, mode: "ordinary", deadlineMs });
      if (outcome.status === "failed") {
        isOver = false;
        return { outcome, write, pending };
      }
      if (outcome.status !== "written") return this.#tooLate(call);
      stamps.observe(outcome.stamp);
      local?.journal.settled(key, outcome.stamp);
      if (ticket !== undefined) this.#keepCopy(write, { ticket, sentAtMs, ...outcome });
      return { stamp: outcome.stamp, replaced: outcome.replaced, degraded: false };
    } finally {
      if (isOver && pending !== undefined) local?.journal.end(pending);
    }
  }

  /** Keeps the value as a copy; where that may not be, a copy from before must not stand either. */
  #keepCopy(
    { entry, value }: Write,
    { ticket, sentAtMs, stamp, lease }: {
      readonly ticket: Ticket;
      readonly sentAtMs: number;
      readonly stamp: Stamp;
      readonly lease: Lease | undefined;
    },
  ): void {
    const { flags, payload, expiresAtMs } = entry;
    // The ticket was taken after the sealing. A key that was removed in between cleared the copies
    // without it, and this one would stay, readable here and nowhere else.
    const isReadable = (flags & FLAG_ENCRYPTED) === 0 || this.#parts.envelope.isCurrent(payload);
    const isKept = value !== undefined && isReadable && this.#parts.local?.copies.fill(ticket, {
      value,
      stamp,
      expiresAtMs,
      filledAtMs: sentAtMs,
      lease,
    });
    if (isKept !== true) this.#parts.local?.copies.drop(ticket.key);
    this.#parts.local?.copies.written(ticket);
  }

  async #journalFailed(
    attempts: readonly Attempt[],
    call: Call,
  ): Promise<(Acknowledged | CacheError)[]> {
    const failures = attempts.filter(isFailure);
    const verdict = failures.length === 0 ? NONE : await this.#journal(failures, call);
    for (const { pending } of failures) {
      if (pending !== undefined) this.#parts.local?.journal.end(pending);
    }
    return attempts.map((attempt) => {
      if (!isFailure(attempt)) return attempt;
      if (verdict instanceof CacheError) return verdict;
      const replaced = verdict.has(attempt.write.key);
      return { stamp: attempt.write.entry.stamp, replaced, degraded: true };
    });
  }

  /**
   * Journals what the store did not take, once it certainly will not. Returns the keys of which this
   * process held a live entry, or why the writes are refused.
   */
  async #journal(
    failures: readonly Failure[],
    call: Call,
  ): Promise<ReadonlySet<string> | CacheError> {
    const { store, local, clock } = this.#parts;
    const held = new Set<string>();
    let landsUntilMs = -Infinity;
    let error: CacheError | undefined;
    for (const { write: { key }, outcome } of failures) {
      if (this.#holds(key)) held.add(key);
      // The copy may be older than what stands, and nobody will report it.
      if (outcome.landsUntilMs !== -Infinity) local?.copies.drop(key);
      landsUntilMs = Math.max(landsUntilMs, outcome.landsUntilMs);
      error ??= outcome.error;
    }
    if (error === undefined) return held;
    if (local === undefined || !local.acceptsWrites) return error;
    // After the caller's deadline nothing is journaled, so there is nothing more to wait for.
    const waitMs = Math.min(
      landsUntilMs + store.time.uncertaintyMs() - store.time.nowMs(),
      call.deadlineMs - clock.monotonicMs(),
    );
    if (waitMs > 0) {
      await new Promise<void>((resolve) => void clock.setTimer(resolve, Math.ceil(waitMs) + 1));
    }
    if (isOver(call, clock)) return deadlineExceeded();
    const owed = failures.filter(({ pending }) => pending?.isOutdone !== true);
    if (!local.journal.put(owed.map(({ write }) => [write.key, write.entry] as const))) {
      for (const _ of owed) this.#parts.meter.journalWrite("refused");
      return new CacheError(error.code, "Redis is away, and the journal for it is full.", {
        retryAfterSeconds: error.retryAfterSeconds ?? 1,
      });
    }
    for (const { write } of failures) local.copies.drop(write.key);
    local.recovery.wake();
    return held;
  }

  #holds(key: string): boolean {
    const { local, store } = this.#parts;
    const nowMs = store.time.nowMs();
    const owed = local?.journal.get(key);
    if (owed !== undefined) return isLive(owed, nowMs);
    return local?.copies.held(key, nowMs) !== undefined;
  }

  #tooLate(call: Call): CacheError {
    const { clock, store } = this.#parts;
    const leftMs = call.deadlineMs - clock.monotonicMs();
    if (leftMs <= store.time.uncertaintyMs()) return deadlineExceeded();
    return new CacheError("redis_unavailable", "The write reached Redis too late to be made.", {
      retryAfterSeconds: 1,
    });
  }
}

function isFailure(attempt: Attempt): attempt is Failure {
  return "outcome" in attempt;
}
