import type { InvalidationBus } from "../core/bus.ts";
import type { Clock } from "../core/clock.ts";
import { type Entry, FLAG_ENCRYPTED, FLAG_TOMBSTONE } from "../core/entry.ts";
import type { Envelope } from "../core/envelope.ts";
import { batchAnswerTooLarge, CacheError, type ErrorCode, isStoreOutage } from "../core/errors.ts";
import { namespaceFault, storeKey } from "../core/key.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import type { Limits } from "../core/limits.ts";
import type { Operation, Policy } from "../core/principal.ts";
import { formatStamp, HybridClock } from "../core/stamp.ts";
import type { Store } from "../core/store.ts";
import type { Span } from "../core/span.ts";
import type { Logger, Meter } from "../core/telemetry.ts";
import { admit } from "./admit.ts";
import { type Call, startWithinDeadline } from "./call.ts";
import { eventKeys } from "./event_keys.ts";
import type { Local } from "./local.ts";
import type {
  BatchGetRequest,
  BatchGetResult,
  BatchSetRequest,
  BatchSetResult,
  Bytes,
  DeleteResult,
  HealthReport,
  Hit,
  InvalidateRequest,
  KeyRequest,
  Miss,
  SetRequest,
  SetResult,
} from "./operations.ts";
import { errorOfOne, Reads } from "./reads.ts";
import { Rewrap, type RewrapRun } from "./rewrap.ts";
import {
  checkBatchEntries,
  checkBatchKeys,
  checkedTtl,
  checkKey,
  checkValue,
} from "./validation.ts";
import { PUBLISH, SEAL, traced } from "./traced.ts";
import { type Acknowledged, type Write, Writes } from "./writes.ts";

/** What the service is built from. */
export interface CacheServiceParts {
  readonly store: Store;
  readonly bus: InvalidationBus;
  readonly envelope: Envelope;
  readonly policy: Policy;
  readonly limits: Limits;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  /** A random id of this process for its stamps. */
  readonly writerId: number;
  /** Near cache and journal; absent where the store is local itself. */
  readonly local?: Local;
}

const NO_PAYLOAD: Bytes = new Uint8Array(0);

/**
 * The cache as both transports see it. Every call may throw `invalid_namespace`, `invalid_key`,
 * `forbidden`, `deadline_exceeded` and `internal`. While the store is away, reads answer what this
 * process holds and writes are kept for it, both marked degraded; where that is switched off or the
 * journal is full, writes throw `redis_unavailable` or `circuit_open`.
 */
export class CacheService {
  readonly #parts: CacheServiceParts;
  readonly #stamps: HybridClock;
  readonly #reads: Reads;
  readonly #writes: Writes;
  readonly #rewrap: Rewrap;

  constructor(parts: CacheServiceParts) {
    this.#parts = parts;
    this.#stamps = new HybridClock({
      nowMs: () => parts.store.time.nowMs(),
      writer: parts.writerId,
    });
    const shared = { ...parts, stamps: this.#stamps, local: parts.local };
    this.#reads = new Reads(shared);
    this.#writes = new Writes(shared);
    this.#rewrap = new Rewrap(parts);
  }

  /** Throws also `entry_invalid` and `decryption_failed`. */
  async get(request: KeyRequest, call: Call): Promise<Hit | Miss> {
    this.#admit(call, { operation: "get", ...request });
    checkKey(request.key, this.#parts.limits);
    const result = await this.#reads.get(request, call);
    call.record.outcome = result.found ? "hit" : "miss";
    call.record.read(result);
    return result;
  }

  /** Throws also `value_too_large`, `invalid_ttl`, `encryption_unavailable`. */
  async set(request: SetRequest, call: Call): Promise<SetResult> {
    const { limits } = this.#parts;
    this.#admit(call, { operation: "set", ...request });
    checkKey(request.key, limits);
    checkValue(request.value, limits);
    const ttlSeconds = checkedTtl(request.ttlSeconds, limits);
    const write = await this.#sealed(request, { ttlSeconds, span: call.record.span });
    const { stamp, degraded } = await this.#write(write, call);
    return { degraded, version: formatStamp(stamp) };
  }

  async delete(request: KeyRequest, call: Call): Promise<DeleteResult> {
    this.#admit(call, { operation: "delete", ...request });
    checkKey(request.key, this.#parts.limits);
    this.#storeNowMs();
    const entry: Entry = {
      flags: FLAG_TOMBSTONE,
      stamp: this.#stamps.next(),
      expiresAtMs: 0,
      payload: NO_PAYLOAD,
    };
    const key = storeKey(request.namespace, request.key);
    const { replaced, degraded } = await this.#write({ key, entry, value: undefined }, call);
    return { deleted: replaced, degraded };
  }

  /** Throws also `batch_too_large`, for the request and for the answer. */
  async batchGet(request: BatchGetRequest, call: Call): Promise<BatchGetResult> {
    const { limits } = this.#parts;
    const { namespace } = request;
    this.#admit(call, { operation: "batch_get", namespace });
    checkBatchKeys(request.keys, limits);
    const keys = [...new Set(request.keys)];
    const lookup = this.#reads.beginLookup(call);
    const results: (Hit | Miss | CacheError | undefined)[] = await Promise.all(
      keys.map((key) => {
        const local = this.#reads.local({ namespace, key }, call);
        return local instanceof Promise ? local.catch(errorOfOne) : local;
      }),
    );
    const asked = keys.filter((_, i) => results[i] === undefined);
    lookup?.set({ "cache.hit": asked.length === 0 });
    lookup?.end();
    const maxBytes = limits.maxBatchBytes;
    const answers = asked.length === 0
      ? []
      : await this.#reads.many({ namespace, keys: asked, maxBytes }, call);
    const values = new Map<string, Bytes>();
    const missingKeys: string[] = [];
    const errors = new Map<string, ErrorCode>();
    let degraded = false;
    let bytes = 0;
    let next = 0;
    for (const [i, key] of keys.entries()) {
      const result = results[i] ?? answers[next++];
      if (result === undefined) continue;
      if (result instanceof CacheError) {
        errors.set(key, result.code);
        continue;
      }
      degraded ||= result.degraded;
      call.record.read(result);
      if (!result.found) {
        missingKeys.push(key);
        continue;
      }
      bytes += result.value.length;
      if (bytes > maxBytes) throw batchAnswerTooLarge(maxBytes);
      values.set(key, result.value);
    }
    return { values, missingKeys, errors, degraded };
  }

  /**
   * Checks the whole batch before it stores any of it. Where some entries could not be stored,
   * `success` is false and `storedCount` tells how many were; where none could, it throws.
   */
  async batchSet(request: BatchSetRequest, call: Call): Promise<BatchSetResult> {
    const { limits } = this.#parts;
    const { namespace, entries } = request;
    this.#admit(call, { operation: "batch_set", namespace });
    checkBatchEntries(entries, limits);
    const ttlSeconds = checkedTtl(request.ttlSeconds, limits);
    const encrypt = request.encrypt ?? false;
    const seal = (): Promise<Write[]> =>
      Promise.all(Array.from(
        entries,
        ([key, value]) => this.#sealed({ namespace, key, value, encrypt }, { ttlSeconds }),
      ));
    const writes =
      await (this.#seals({ namespace, encrypt }) ? traced(call.record.span, SEAL, seal) : seal());
    const outcomes = await this.#writes.make(writes, call);
    const failed = outcomes.filter((outcome) => outcome instanceof CacheError);
    const storedCount = outcomes.length - failed.length;
    if (storedCount === 0 && failed[0] !== undefined) throw failed[0];
    const degraded = outcomes.some((outcome) =>
      outcome instanceof CacheError ? isStoreOutage(outcome) : outcome.degraded
    );
    call.record.degraded = degraded;
    return { success: failed.length === 0, storedCount, degraded };
  }

  /**
   * Tells every replica that the origin of some keys has changed. Throws also `batch_too_large`, and
   * `broker_unavailable`, or without a broker `redis_unavailable`, where not all of them were told.
   */
  async invalidate(request: InvalidateRequest, call: Call): Promise<void> {
    const { bus, clock, limits, store } = this.#parts;
    const { namespace, action } = request;
    this.#admit(call, { operation: "invalidate", namespace });
    checkBatchKeys(request.keys, limits);
    const storeMs = store.time.nowMs();
    const atMs = Number.isNaN(storeMs) ? clock.wallMs() : Math.floor(storeMs);
    const event = { namespace, action, atMs, values: new Map(), ttlSeconds: undefined };
    const publish = async (span?: Span): Promise<void> => {
      const headers = span === undefined ? {} : { traceparent: span.traceparent };
      for (const keys of eventKeys(request.keys)) await bus.publish({ ...event, keys }, headers);
    };
    const start = (): Promise<void> => traced(call.record.span, PUBLISH, publish);
    await startWithinDeadline(start, { call, clock, timeoutMs: Infinity });
  }

  /**
   * Begins to seal what lies in a namespace under the primary key. Throws also `encryption_unavailable`
   * and `overloaded`; the call's deadline does not end it.
   */
  async rewrap(namespace: string, call: Call): Promise<RewrapRun> {
    this.#admit(call, { operation: "rewrap", namespace });
    return await this.#rewrap.start(namespace, call);
  }

  health(): HealthReport {
    const { store, lifecycle, local } = this.#parts;
    const redisStatus = store.status();
    return {
      healthy: lifecycle.phase !== "draining",
      redisStatus,
      brokerStatus: this.#parts.bus.status(),
      localCacheEnabled: local !== undefined,
      localCacheMode: local?.mode(),
      degraded: redisStatus !== "connected" && redisStatus !== "disabled" ||
        (local?.journal.size ?? 0) > 0,
    };
  }

  #admit(
    call: Call,
    wanted: { readonly operation: Operation; readonly namespace: string; readonly key?: string },
  ): void {
    const fault = namespaceFault(wanted.namespace);
    if (fault !== undefined) throw fault;
    call.record.namespace = wanted.namespace;
    call.record.key = wanted.key;
    admit(call, wanted, this.#parts);
  }

  #seals({ namespace, encrypt }: Pick<SetRequest, "namespace" | "encrypt">): boolean {
    return encrypt === true || this.#parts.envelope.alwaysSeals(namespace);
  }

  async #sealed(
    request: SetRequest,
    { ttlSeconds, span }: { readonly ttlSeconds: number; readonly span?: Span | undefined },
  ): Promise<Write> {
    const { envelope } = this.#parts;
    const { namespace, key, value } = request;
    const nowMs = this.#storeNowMs();
    const seals = this.#seals(request);
    const flags = seals ? FLAG_ENCRYPTED : 0;
    const expiresAtMs = Math.floor(nowMs) + ttlSeconds * 1000;
    const payload = seals
      ? await traced(
        span,
        SEAL,
        () => envelope.seal(value, { namespace, key, flags, expiresAtMs }),
      )
      : value;
    const entry = { flags, stamp: this.#stamps.next(), expiresAtMs, payload };
    return { key: storeKey(namespace, key), entry, value };
  }

  /** Throws until the store has answered once: a stamp made without its time loses to every other. */
  #storeNowMs(): number {
    const nowMs = this.#parts.store.time.nowMs();
    if (!Number.isNaN(nowMs)) return nowMs;
    throw new CacheError("redis_unavailable", "Redis has not answered since the start.", {
      retryAfterSeconds: 1,
    });
  }

  async #write(write: Write, call: Call): Promise<Acknowledged> {
    const [outcome] = await this.#writes.make([write], call);
    if (outcome === undefined) throw new RangeError("A write has no outcome.");
    if (outcome instanceof CacheError) throw outcome;
    call.record.degraded = outcome.degraded;
    return outcome;
  }
}
