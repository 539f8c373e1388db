import type { Clock } from "../core/clock.ts";
import { type Entry, FLAG_ENCRYPTED, FLAG_TOMBSTONE, isLive } from "../core/entry.ts";
import type { Envelope } from "../core/envelope.ts";
import { asCacheError, CacheError, type ErrorCode, isStoreOutage } from "../core/errors.ts";
import { namespaceFault, storeKey } from "../core/key.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import type { Limits } from "../core/limits.ts";
import type { Action, Policy } from "../core/principal.ts";
import { formatStamp, HybridClock } from "../core/stamp.ts";
import type { Store, StoreTime, WriteOutcome } from "../core/store.ts";
import { type Call, deadlineExceeded, withinDeadline } from "./call.ts";
import type {
  BatchGetRequest,
  BatchGetResult,
  BatchSetRequest,
  BatchSetResult,
  Bytes,
  DeleteResult,
  HealthReport,
  Hit,
  KeyRequest,
  Miss,
  SetRequest,
  SetResult,
} from "./operations.ts";
import {
  checkBatchEntries,
  checkBatchKeys,
  checkedTtl,
  checkKey,
  checkValue,
} from "./validation.ts";

type Written = Extract<WriteOutcome, { status: "written" }>;

/** What the service is built from. */
export interface CacheServiceParts {
  readonly store: Store;
  readonly envelope: Envelope;
  readonly policy: Policy;
  readonly limits: Limits;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  /** A random id of this process for its stamps. */
  readonly writerId: number;
}

const MISS: Miss = { found: false, degraded: false };
const DEGRADED_MISS: Miss = { found: false, degraded: true };
const NO_PAYLOAD: Bytes = new Uint8Array(0);

/**
 * The cache as both transports see it. Every call may throw `invalid_namespace`, `invalid_key`,
 * `forbidden`, `deadline_exceeded` and `internal`; a store that cannot be reached makes reads a
 * degraded miss and writes `redis_unavailable`.
 */
export class CacheService {
  readonly #parts: CacheServiceParts;
  readonly #stamps: HybridClock;

  constructor(parts: CacheServiceParts) {
    this.#parts = parts;
    this.#stamps = new HybridClock({
      nowMs: () => parts.store.time.nowMs(),
      writer: parts.writerId,
    });
  }

  /** Throws also `entry_invalid` and `decryption_failed`. */
  async get(request: KeyRequest, call: Call): Promise<Hit | Miss> {
    const { store, limits } = this.#parts;
    this.#admit(call, { action: "read", namespace: request.namespace });
    checkKey(request.key, limits);
    let entry: Entry | undefined;
    try {
      entry = await this.#within(
        call,
        () => store.get(storeKey(request.namespace, request.key)),
      );
    } catch (error) {
      if (isStoreOutage(error)) return DEGRADED_MISS;
      throw error;
    }
    if (entry === undefined) return MISS;
    this.#stamps.observe(entry.stamp);
    const nowMs = store.time.nowMs();
    if (!isLive(entry, nowMs)) return MISS;
    return {
      found: true,
      value: (entry.flags & FLAG_ENCRYPTED) === 0
        ? entry.payload
        : await this.#open(entry, request),
      source: store.source,
      degraded: false,
      ttlSeconds: secondsLeft(entry, store.time),
      version: formatStamp(entry.stamp),
    };
  }

  /** Throws also `value_too_large`, `invalid_ttl`, `encryption_unavailable`. */
  async set(request: SetRequest, call: Call): Promise<SetResult> {
    const { limits } = this.#parts;
    this.#admit(call, { action: "write", namespace: request.namespace });
    checkKey(request.key, limits);
    checkValue(request.value, limits);
    const ttlSeconds = checkedTtl(request.ttlSeconds, limits);
    const entry = await this.#entry(request, ttlSeconds);
    const written = await this.#write(request, { entry, call });
    return { degraded: false, version: formatStamp(written.stamp) };
  }

  async delete(request: KeyRequest, call: Call): Promise<DeleteResult> {
    this.#admit(call, { action: "write", namespace: request.namespace });
    checkKey(request.key, this.#parts.limits);
    const entry: Entry = {
      flags: FLAG_TOMBSTONE,
      stamp: this.#stamps.next(),
      expiresAtMs: 0,
      payload: NO_PAYLOAD,
    };
    const written = await this.#write(request, { entry, call });
    return { deleted: written.replaced, degraded: false };
  }

  /** Throws also `batch_too_large`, for the request and for the answer. */
  async batchGet(request: BatchGetRequest, call: Call): Promise<BatchGetResult> {
    const { store, limits } = this.#parts;
    const { namespace } = request;
    this.#admit(call, { action: "read", namespace });
    checkBatchKeys(request.keys, limits);
    const keys = [...new Set(request.keys)];
    const results = await this.#within(
      call,
      () =>
        store.getMany(keys.map((key) => storeKey(namespace, key)), {
          maxBytes: limits.maxBatchBytes,
        }),
    );
    const values = new Map<string, Bytes>();
    const missingKeys: string[] = [];
    const errors = new Map<string, ErrorCode>();
    let degraded = false;
    const nowMs = store.time.nowMs();
    for (const [i, key] of keys.entries()) {
      const result = results[i];
      if (result instanceof CacheError) {
        if (isStoreOutage(result)) {
          degraded = true;
          missingKeys.push(key);
        } else errors.set(key, result.code);
      } else if (result === undefined || !isLive(result, nowMs)) {
        missingKeys.push(key);
      } else if ((result.flags & FLAG_ENCRYPTED) === 0) {
        values.set(key, result.payload);
      } else {
        try {
          values.set(key, await this.#open(result, { namespace, key }));
        } catch (error) {
          errors.set(key, asCacheError(error).code);
        }
      }
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
    this.#admit(call, { action: "write", namespace });
    checkBatchEntries(entries, limits);
    const ttlSeconds = checkedTtl(request.ttlSeconds, limits);
    const encrypt = request.encrypt ?? false;
    const sealed = await Promise.all(
      Array.from(
        entries,
        async ([key, value]) =>
          [key, await this.#entry({ namespace, key, value, encrypt }, ttlSeconds)] as const,
      ),
    );
    const outcomes = await Promise.allSettled(
      sealed.map(([key, entry]) => this.#write({ namespace, key }, { entry, call })),
    );
    const failed = outcomes.filter((outcome) => outcome.status === "rejected");
    const storedCount = outcomes.length - failed.length;
    if (storedCount === 0 && failed[0] !== undefined) throw failed[0].reason;
    return {
      success: failed.length === 0,
      storedCount,
      degraded: failed.some((outcome) => isStoreOutage(outcome.reason)),
    };
  }

  health(): HealthReport {
    const redisStatus = this.#parts.store.status();
    return {
      healthy: this.#parts.lifecycle.phase !== "draining",
      redisStatus,
      brokerStatus: "disabled",
      localCacheEnabled: false,
      degraded: redisStatus !== "connected" && redisStatus !== "disabled",
    };
  }

  #admit(call: Call, wanted: { readonly action: Action; readonly namespace: string }): void {
    const fault = namespaceFault(wanted.namespace) ??
      this.#parts.policy.denial(call.principal, wanted);
    if (fault !== undefined) throw fault;
  }

  #within<T>(call: Call, start: () => Promise<T>): Promise<T> {
    const { clock, store } = this.#parts;
    if (clock.monotonicMs() >= call.deadlineMs || call.signal?.aborted) {
      return Promise.reject(deadlineExceeded());
    }
    return withinDeadline(start(), { call, clock, timeoutMs: store.timeoutMs });
  }

  async #entry(request: SetRequest, ttlSeconds: number): Promise<Entry> {
    const { store, envelope } = this.#parts;
    const { namespace, key, value } = request;
    const nowMs = store.time.nowMs();
    if (Number.isNaN(nowMs)) {
      throw new CacheError("redis_unavailable", "Redis has not answered since the start.", {
        retryAfterSeconds: 1,
      });
    }
    const seals = request.encrypt === true || envelope.alwaysSeals(namespace);
    const flags = seals ? FLAG_ENCRYPTED : 0;
    const expiresAtMs = Math.floor(nowMs) + ttlSeconds * 1000;
    const payload = seals
      ? await envelope.seal(value, { namespace, key, flags, expiresAtMs })
      : value;
    return { flags, stamp: this.#stamps.next(), expiresAtMs, payload };
  }

  #open(entry: Entry, { namespace, key }: KeyRequest): Promise<Bytes> {
    const { flags, expiresAtMs, payload } = entry;
    return this.#parts.envelope.open(payload, { namespace, key, flags, expiresAtMs });
  }

  async #write(
    { namespace, key }: KeyRequest,
    { entry, call }: { readonly entry: Entry; readonly call: Call },
  ): Promise<Written> {
    const { store, clock } = this.#parts;
    const outcome = await this.#within(call, () =>
      store.write({
        key: storeKey(namespace, key),
        entry,
        mode: "ordinary",
        deadlineMs: call.deadlineMs,
      }));
    if (outcome.status === "written") {
      this.#stamps.observe(outcome.stamp);
      return outcome;
    }
    const leftMs = call.deadlineMs - clock.monotonicMs();
    if (leftMs <= store.time.uncertaintyMs()) throw deadlineExceeded();
    throw new CacheError("redis_unavailable", "The write reached Redis too late to be made.", {
      retryAfterSeconds: 1,
    });
  }
}

/** Seconds until the expiry, rounded up; never more than were asked for, as time is known no better. */
function secondsLeft(entry: Entry, time: StoreTime): number {
  const leftMs = entry.expiresAtMs - time.nowMs() - time.uncertaintyMs();
  return Math.max(1, Math.ceil(leftMs / 1000));
}
