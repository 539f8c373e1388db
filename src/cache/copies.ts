import type { Clock } from "../core/clock.ts";
import type { ChangeListener } from "../core/coherence.ts";
import type { NearCache, NearCopy } from "./near_cache.ts";

/** A flight that was sent longer ago than this may be stuck; later callers start another. */
const JOINABLE_MS = 2000;

/** The place of one command among all that concern a key; to be given back by `done`. */
export interface Ticket {
  readonly key: string;
  readonly number: number;
}

/** What the commands under way on one key share. */
interface Activity {
  /** The newest ticket's number. */
  newest: number;
  /** Commands under way. */
  commands: number;
  flight:
    | { readonly ticket: Ticket; readonly promise: Promise<unknown>; readonly sentAtMs: number }
    | undefined;
}

/**
 * The near cache as reads and writes see it: which copy may be answered, and which reply may become
 * one.
 *
 * Every command on a key takes a ticket before it is sent; a write or a change reported by the store
 * takes a newer one. A reply becomes a copy only while its ticket is the newest. Without this, the
 * reply of a GET that was sent before a SET could be handled after the SET's, and the old value would
 * stay: Redis does not report a connection's own writes.
 */
export class Copies<Loaded> implements ChangeListener {
  readonly #near: NearCache;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #answersFresh: boolean;
  readonly #activities = new Map<string, Activity>();

  /**
   * `mode` "near" answers trusted copies, "fallback" keeps them for outages only; no copy is trusted
   * for longer than `maxAgeMs`.
   */
  constructor(options: {
    readonly near: NearCache;
    readonly clock: Clock;
    readonly mode: "near" | "fallback";
    readonly maxAgeMs: number;
  }) {
    this.#near = options.near;
    this.#clock = options.clock;
    this.#answersFresh = options.mode === "near";
    this.#maxAgeMs = options.maxAgeMs;
  }

  /** The copy that may be answered as if the store had been asked; `nowMs` is store time. */
  fresh(key: string, nowMs: number): NearCopy | undefined {
    if (!this.#answersFresh) return undefined;
    const copy = this.#near.get(key, nowMs);
    if (copy?.lease === undefined || !copy.lease.trusted()) return undefined;
    return this.#clock.monotonicMs() - copy.filledAtMs <= this.#maxAgeMs ? copy : undefined;
  }

  /** The copy that may be answered, marked degraded, while the store is away. */
  held(key: string, nowMs: number): NearCopy | undefined {
    const copy = this.#near.get(key, nowMs);
    if (copy?.lease === undefined || !copy.lease.superseded()) return copy;
    this.#near.remove(key, "invalidated");
    return undefined;
  }

  /** Takes the newest ticket for a command that only reads. */
  read(key: string): Ticket {
    const activity = this.#activity(key);
    activity.commands++;
    return { key, number: activity.newest };
  }

  /** Takes a newer ticket for a command that writes. What reads under way bring is then too old. */
  write(key: string): Ticket {
    const activity = this.#activity(key);
    activity.commands++;
    activity.flight = undefined;
    return { key, number: ++activity.newest };
  }

  /**
   * Keeps the copy if the ticket is still the newest, and its lease was not over from the beginning;
   * whether it is kept.
   */
  fill(ticket: Ticket, copy: NearCopy): boolean {
    if (!this.isNewest(ticket)) return false;
    if (copy.lease?.superseded() === true) {
      this.drop(ticket.key);
      return false;
    }
    this.#near.fill(ticket.key, copy);
    return true;
  }

  /**
   * The write of the ticket is done: what reads under way bring is too old, also if they were sent
   * after it, or after a still newer write. A write that is sent again (unknown script, redirection)
   * can be served after them.
   */
  written(ticket: Ticket): void {
    this.#outdate(this.#activities.get(ticket.key));
  }

  /** Removes the copy: a write has ended of which no reply tells what stands now. */
  drop(key: string): boolean {
    return this.#near.remove(key, "invalidated");
  }

  /** Whether no newer command or change has come since the ticket was taken. */
  isNewest(ticket: Ticket): boolean {
    return this.#activities.get(ticket.key)?.newest === ticket.number;
  }

  /** Gives a ticket back when its command has ended. */
  done(ticket: Ticket): void {
    const activity = this.#activities.get(ticket.key);
    if (activity === undefined) return;
    // A load that has ended is not joined any more while other commands go on.
    if (activity.flight?.ticket === ticket) activity.flight = undefined;
    if (--activity.commands === 0) this.#activities.delete(ticket.key);
  }

  /** The load of the key that is under way and may be joined. */
  flight(key: string): Promise<Loaded> | undefined {
    const flight = this.#activities.get(key)?.flight;
    if (flight === undefined) return undefined;
    const ageMs = this.#clock.monotonicMs() - flight.sentAtMs;
    return ageMs <= JOINABLE_MS ? flight.promise as Promise<Loaded> : undefined;
  }

  /** Lets others join the load of a ticket that was just taken. */
  offer(ticket: Ticket, promise: Promise<Loaded>): void {
    const activity = this.#activities.get(ticket.key);
    if (activity !== undefined && activity.newest === ticket.number) {
      activity.flight = { ticket, promise, sentAtMs: this.#clock.monotonicMs() };
    }
  }

  changed(key: string): void {
    this.#near.remove(key, "invalidated");
    this.#outdate(this.#activities.get(key));
  }

  allChanged(): void {
    this.#near.removeAll("invalidated");
    for (const activity of this.#activities.values()) this.#outdate(activity);
  }

  #outdate(activity: Activity | undefined): void {
    if (activity === undefined) return;
    activity.newest++;
    activity.flight = undefined;
  }

  #activity(key: string): Activity {
    let activity = this.#activities.get(key);
    if (activity === undefined) {
      activity = { newest: 0, commands: 0, flight: undefined };
      this.#activities.set(key, activity);
    }
    return activity;
  }
}
