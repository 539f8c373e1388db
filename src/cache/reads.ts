import type { Clock } from "../core/clock.ts";
import { type Entry, FLAG_ENCRYPTED, isLive } from "../core/entry.ts";
import { type Envelope, SEAL_OVERHEAD_BYTES } from "../core/envelope.ts";
import { batchAnswerTooLarge, CacheError, isStoreOutage } from "../core/errors.ts";
import { storeKey } from "../core/key.ts";
import { formatStamp, type HybridClock } from "../core/stamp.ts";
import type { ReadResult, Source, Store, StoreRead } from "../core/store.ts";
import type { Span } from "../core/span.ts";
import { type Call, startWithinDeadline } from "./call.ts";
import type { Local } from "./local.ts";
import type { Bytes, Hit, KeyRequest, Miss, Opened } from "./operations.ts";
import type { Ticket } from "./copies.ts";
import { OPEN, storePart, traced } from "./traced.ts";

export interface ReadParts {
  readonly store: Store;
  readonly envelope: Envelope;
  readonly clock: Clock;
  readonly stamps: HybridClock;
  /** Absent where the store is local itself. */
  readonly local: Local | undefined;
}

/** Keys of one namespace, of values that come to at most `maxBytes`. */
interface ManyRequest {
  readonly namespace: string;
  readonly keys: readonly string[];
  readonly maxBytes: number;
}

const MISS: Miss = { found: false, degraded: false };
const DEGRADED_MISS: Miss = { found: false, degraded: true };

/** Reads through journal, near cache and store. */
export class Reads {
  readonly #parts: ReadParts;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  async get(request: KeyRequest, call: Call): Promise<Hit | Miss> {
    const { store } = this.#parts;
    const lookup = this.beginLookup(call);
    const local = this.local(request, call);
    lookup?.set({ "cache.hit": local !== undefined });
    lookup?.end();
    if (local !== undefined) return local;
    const key = storeKey(request.namespace, request.key);
    try {
      const opened = await this.#within(call, () => this.#load(key, { request, call }));
      if (opened === undefined) return MISS;
      return this.#hit(opened, { source: store.source, degraded: false });
    } catch (error) {
      return this.#withoutStore(key, error);
    }
  }

  /** Begins the part of a call that asks `local`, where it is traced and there is anything to ask. */
  beginLookup({ record }: Call): Span | undefined {
    return this.#parts.local && record.span?.child("near_cache.lookup");
  }

  /** What a key gives without asking the store; nothing where it must be asked. */
  local(request: KeyRequest, call: Call): Hit | Miss | Promise<Hit | Miss> | undefined {
    const { local, store } = this.#parts;
    if (local === undefined) return undefined;
    const key = storeKey(request.namespace, request.key);
    const owed = local.journal.get(key);
    if (owed !== undefined) return this.#fromJournal(owed, request);
    const fresh = call.noCache ? undefined : local.copies.fresh(key, store.time.nowMs());
    return fresh && this.#hit(fresh, { source: "local", degraded: false });
  }

  /** Reads many keys of one namespace from the store; the results stand in the order of `keys`. */
  many(request: ManyRequest, call: Call): Promise<(Hit | Miss | CacheError)[]> {
    return this.#within(call, () => this.#readMany(request, call.record.span));
  }

  async #readMany(
    { namespace, keys, maxBytes }: ManyRequest,
    span: Span | undefined,
  ): Promise<(Hit | Miss | CacheError)[]> {
    const { store, local, clock } = this.#parts;
    const storeKeys = keys.map((key) => storeKey(namespace, key));
    const tickets = storeKeys.map((key) => local?.copies.read(key));
    const sentAtMs = clock.monotonicMs();
    try {
      // Sealed payloads are longer than the values that the limit is about.
      const maxPayloadBytes = maxBytes + keys.length * SEAL_OVERHEAD_BYTES;
      const part = storePart(store, { name: "store.get_many", command: "GET", keys: keys.length });
      const results = await traced(
        span,
        part,
        () => store.getMany(storeKeys, { maxBytes: maxPayloadBytes }),
      ).catch((error) => {
        const isTooLarge = error instanceof CacheError && error.code === "batch_too_large";
        throw isTooLarge ? batchAnswerTooLarge(maxBytes) : error;
      });
      const open = (): Promise<(Hit | Miss | CacheError)[]> =>
        Promise.all(results.map((result, i) =>
          this.#oneOfMany(result, {
            request: { namespace, key: keys[i] ?? "" },
            ticket: tickets[i],
            sentAtMs,
          })
        ));
      // One part for all of them: a thousand would say no more.
      return await (results.some(isSealed) ? traced(span, OPEN, open) : open());
    } finally {
      for (const ticket of tickets) if (ticket !== undefined) local?.copies.done(ticket);
    }
  }

  async #oneOfMany(
    result: ReadResult,
    { request, ticket, sentAtMs }: {
      readonly request: KeyRequest;
      readonly ticket: Ticket | undefined;
      readonly sentAtMs: number;
    },
  ): Promise<Hit | Miss | CacheError> {
    try {
      if (result instanceof CacheError) throw result;
      const opened = await this.#open(result, { request, ticket, sentAtMs });
      if (opened === undefined) return MISS;
      return this.#hit(opened, { source: this.#parts.store.source, degraded: false });
    } catch (error) {
      if (isStoreOutage(error)) {
        return this.#withoutStore(storeKey(request.namespace, request.key), error);
      }
      return errorOfOne(error);
    }
  }

  /** Joins the load of the key that is under way, or starts one. */
  #load(
    key: string,
    { request, call }: { readonly request: KeyRequest; readonly call: Call },
  ): Promise<Opened | undefined> {
    const { local, clock } = this.#parts;
    const { span } = call.record;
    if (local === undefined) {
      return this.#read(key, { request, ticket: undefined, sentAtMs: 0, span });
    }
    const joined = call.noCache ? undefined : local.copies.flight(key);
    if (joined !== undefined) {
      local.onJoined?.();
      // The load is part of the trace of who began it.
      span?.set({ "cache.joined": true });
      return joined;
    }
    const ticket = local.copies.read(key);
    const load = this.#read(key, { request, ticket, sentAtMs: clock.monotonicMs(), span })
      .finally(() => local.copies.done(ticket));
    if (!call.noCache) local.copies.offer(ticket, load);
    return load;
  }

  async #read(
    key: string,
    options: {
      readonly request: KeyRequest;
      readonly ticket: Ticket | undefined;
      readonly sentAtMs: number;
      readonly span: Span | undefined;
    },
  ): Promise<Opened | undefined> {
    const { store } = this.#parts;
    const part = storePart(store, { name: "store.get", command: "GET", keys: 1 });
    return await this.#open(await traced(options.span, part, () => store.get(key)), options);
  }

  /** Opens what was read, and keeps a copy if nothing newer has come up since it was sent for. */
  async #open(
    { entry, lease }: StoreRead,
    { request, ticket, sentAtMs, span }: {
      readonly request: KeyRequest;
      readonly ticket: Ticket | undefined;
      readonly sentAtMs: number;
      readonly span?: Span | undefined;
    },
  ): Promise<Opened | undefined> {
    const { store, stamps, local } = this.#parts;
    if (entry !== undefined) stamps.observe(entry.stamp);
    if (entry === undefined || !isLive(entry, store.time.nowMs())) {
      if (ticket !== undefined && local?.copies.isNewest(ticket)) local.copies.drop(ticket.key);
      return undefined;
    }
    const value = await this.#valueOf(entry, request, span);
    const opened = { value, stamp: entry.stamp, expiresAtMs: entry.expiresAtMs };
    if (ticket !== undefined) {
      local?.copies.fill(ticket, { ...opened, filledAtMs: sentAtMs, lease });
    }
    return opened;
  }

  #valueOf(entry: Entry, request: KeyRequest, span?: Span): Bytes | Promise<Bytes> {
    const { envelope } = this.#parts;
    const { flags, expiresAtMs, payload } = entry;
    if ((flags & FLAG_ENCRYPTED) !== 0) {
      return traced(
        span,
        OPEN,
        () => envelope.open(payload, { ...request, flags, expiresAtMs }),
      );
    }
    if (!envelope.alwaysSeals(request.namespace)) return payload;
    throw new CacheError(
      "entry_invalid",
      "The stored entry cannot be read: it is not sealed, but its namespace always is.",
    );
  }

  async #fromJournal(entry: Entry, request: KeyRequest): Promise<Hit | Miss> {
    if (!isLive(entry, this.#parts.store.time.nowMs())) return DEGRADED_MISS;
    const value = await this.#valueOf(entry, request);
    return this.#hit({ ...entry, value }, { source: "local", degraded: true });
  }

  /** The copy that is held, for a store that is away or too slow for the caller; else a miss. */
  #withoutStore(key: string, error: unknown): Hit | Miss {
    const isOutage = isStoreOutage(error);
    const isLate = error instanceof CacheError && error.code === "deadline_exceeded";
    if (!isOutage && !isLate) throw error;
    const { local, store } = this.#parts;
    const held = local?.copies.held(key, store.time.nowMs());
    if (held !== undefined) return this.#hit(held, { source: "local", degraded: true });
    if (isLate) throw error;
    return DEGRADED_MISS;
  }

  #hit(
    { value, stamp, expiresAtMs }: Opened,
    { source, degraded }: { readonly source: Source; readonly degraded: boolean },
  ): Hit {
    const { time } = this.#parts.store;
    // Rounded up, but never to more than was asked for, as time is known no better.
    const leftMs = expiresAtMs - time.nowMs() - time.uncertaintyMs();
    return {
      found: true,
      value,
      source,
      degraded,
      ttlSeconds: Math.max(1, Math.ceil(leftMs / 1000)),
      version: formatStamp(stamp),
    };
  }

  #within<T>(call: Call, start: () => Promise<T>): Promise<T> {
    const { clock, store } = this.#parts;
    return startWithinDeadline(start, { call, clock, timeoutMs: store.timeoutMs });
  }
}

function isSealed(result: ReadResult): boolean {
  return "entry" in result && ((result.entry?.flags ?? 0) & FLAG_ENCRYPTED) !== 0;
}

/** The failure of one entry among many, to stand in its place; whatever else it is, is thrown. */
export function errorOfOne(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  throw error;
}
