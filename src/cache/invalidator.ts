import type { InvalidationEvent } from "../core/bus.ts";
import { areEqual } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { type Entry, FLAG_ENCRYPTED, FLAG_TOMBSTONE, isLive } from "../core/entry.ts";
import type { Envelope } from "../core/envelope.ts";
import { CacheError, isStoreOutage } from "../core/errors.ts";
import { storeKey } from "../core/key.ts";
import { type Limits, MAX_STAMP_LEAD_MS } from "../core/limits.ts";
import { compareStamps, type Stamp } from "../core/stamp.ts";
import type { Store } from "../core/store.ts";
import type { Meter } from "../core/telemetry.ts";
import type { Copies } from "./copies.ts";
import type { Bytes } from "./operations.ts";

/** Keys of one event that are written at a time. */
const LANES = 128;
/** Time that a write has; the event comes again after. */
const WRITE_TIMEOUT_MS = 3000;
/** No process writes under it, so that an event's stamp is the same wherever it is carried out. */
const EVENT_WRITER = 0;
const NO_PAYLOAD: Bytes = new Uint8Array(0);
const NO_VALUES: InvalidationEvent["values"] = new Map();

export interface InvalidatorParts {
  readonly store: Store;
  readonly envelope: Envelope;
  /** Absent where the store is local itself. */
  readonly copies: Copies<unknown> | undefined;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly meter: Meter;
}

/** Carries out invalidation events. To carry one out again changes nothing. */
export class Invalidator {
  readonly #parts: InvalidatorParts;

  constructor(parts: InvalidatorParts) {
    this.#parts = parts;
  }

  /**
   * Writes what the event says to the store, ordered by the event's time. Rejects with a store outage
   * where some of it could not be written; all of it is to be brought again then.
   */
  async apply(event: InvalidationEvent): Promise<void> {
    const { store, meter } = this.#parts;
    const nowMs = store.time.nowMs();
    if (Number.isNaN(nowMs)) throw outage("Redis has not answered since the start.");
    // A time far ahead would win over all that comes until then, and the minute that it counts as would
    // begin anew whenever the event comes again: it may remove, but bring no value.
    const latestMs = Math.floor(nowMs) + MAX_STAMP_LEAD_MS;
    const values = event.atMs > latestMs ? NO_VALUES : event.values;
    const stamp = { ms: Math.min(event.atMs, latestMs), counter: 0, writer: EVENT_WRITER };
    const failures: unknown[] = [];
    for (let i = 0; i < event.keys.length; i += LANES) {
      const lanes = event.keys.slice(i, i + LANES)
        .map((key) => this.#applyTo(key, { ...event, values }, stamp));
      for (const outcome of await Promise.allSettled(lanes)) {
        if (outcome.status === "rejected") failures.push(outcome.reason);
      }
    }
    // What was away may be back: only an event of which nothing else is left to do is given up.
    if (failures.length > 0) throw failures.find(isStoreOutage) ?? failures[0];
    meter.invalidationEvent(event.action, "applied");
    meter.invalidationLag(Math.max(0, store.time.nowMs() - event.atMs) / 1000);
  }

  /** Drops this process's copies of the keys, where the store does not report that they change. */
  drop({ namespace, keys }: InvalidationEvent): Promise<void> {
    for (const key of keys) this.#parts.copies?.changed(storeKey(namespace, key));
    return Promise.resolve();
  }

  async #applyTo(key: string, event: InvalidationEvent, stamp: Stamp): Promise<void> {
    const value = event.values.get(key);
    const entry = value === undefined
      ? { flags: FLAG_TOMBSTONE, stamp, expiresAtMs: 0, payload: NO_PAYLOAD }
      : await this.#entryOf(value, { key, event, stamp });
    if (entry === undefined) return;
    await this.#write(storeKey(event.namespace, key), entry);
  }

  /** The entry to write for a value; nothing where the store holds that value of that event. */
  async #entryOf(
    value: Bytes,
    { key, event: { namespace, ttlSeconds }, stamp }: {
      readonly key: string;
      readonly event: InvalidationEvent;
      readonly stamp: Stamp;
    },
  ): Promise<Entry | undefined> {
    const { envelope, limits } = this.#parts;
    const flags = envelope.alwaysSeals(namespace) ? FLAG_ENCRYPTED : 0;
    const expiresAtMs = stamp.ms + (ttlSeconds ?? limits.defaultTtlSeconds) * 1000;
    if (flags === 0) return { flags, stamp, expiresAtMs, payload: value };
    const context = { namespace, key, flags, expiresAtMs };
    if (await this.#holds(value, { context, stamp })) return undefined;
    return { flags, stamp, expiresAtMs, payload: await envelope.seal(value, context) };
  }

  /**
   * Whether the store holds this value under this stamp already. The store can compare no sealed
   * values, since no two seals of a value are alike: brought again, an event would seem to contradict
   * itself.
   */
  async #holds(
    value: Bytes,
    { context, stamp }: {
      readonly context: Parameters<Envelope["seal"]>[1];
      readonly stamp: Stamp;
    },
  ): Promise<boolean> {
    const { store, envelope } = this.#parts;
    try {
      const { entry } = await store.get(storeKey(context.namespace, context.key));
      const isCandidate = entry !== undefined && entry.flags === context.flags &&
        compareStamps(entry.stamp, stamp) === 0 && isLive(entry, store.time.nowMs());
      if (!isCandidate) return false;
      return areEqual(await envelope.open(entry.payload, { ...context, ...entry }), value);
    } catch (error) {
      // What cannot be read or opened is replaced.
      if (error instanceof CacheError && !isStoreOutage(error)) return false;
      throw error;
    }
  }

  async #write(key: string, entry: Entry): Promise<void> {
    const { store, copies, clock } = this.#parts;
    const ticket = copies?.write(key);
    try {
      const deadlineMs = clock.monotonicMs() + WRITE_TIMEOUT_MS;
      const outcome = await store.write({ key, entry, mode: "event", deadlineMs });
      if (outcome.status === "failed") throw outcome.error;
      if (outcome.status === "late") throw outage("The event reached Redis too late.");
    } finally {
      // The store does not report this process's own writes to it. What a read under way brings is too
      // old even if it was sent after the write: one that is sent again (unknown script, redirection)
      // is served after it.
      copies?.changed(key);
      if (ticket !== undefined) copies?.done(ticket);
    }
  }
}

function outage(message: string): CacheError {
  return new CacheError("redis_unavailable", message, { retryAfterSeconds: 1 });
}
