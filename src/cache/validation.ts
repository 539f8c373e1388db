import { CacheError } from "../core/errors.ts";
import { keyFault } from "../core/key.ts";
import { type Limits, MAX_TTL_SECONDS } from "../core/limits.ts";

/**
 * The seconds an entry lives: the default for an absent TTL or 0, else a whole number of seconds
 * from 1 to 30 days; throws `invalid_ttl` for all others.
 */
export function checkedTtl(ttlSeconds: number | undefined, limits: Limits): number {
  if (ttlSeconds === undefined || ttlSeconds === 0) return limits.defaultTtlSeconds;
  if (Number.isInteger(ttlSeconds) && ttlSeconds >= 1 && ttlSeconds <= MAX_TTL_SECONDS) {
    return ttlSeconds;
  }
  throw new CacheError(
    "invalid_ttl",
    `A TTL is a whole number of seconds from 1 to ${MAX_TTL_SECONDS}, or 0 for the default; ` +
      `${ttlSeconds} was received.`,
    { fields: [{ pointer: "/ttl_seconds", detail: "not a whole number of seconds in range" }] },
  );
}

/** Throws `invalid_key` for a key outside the rules. */
export function checkKey(key: string, limits: Limits): void {
  const fault = keyFault(key, limits.maxKeyBytes);
  if (fault !== undefined) throw fault;
}

/** Throws `value_too_large` for a value over the limit. */
export function checkValue(value: Uint8Array, limits: Limits): void {
  if (value.length <= limits.maxValueBytes) return;
  throw new CacheError(
    "value_too_large",
    `A value has at most ${limits.maxValueBytes} bytes; this one has ${value.length}.`,
  );
}

/** Throws for too many keys, and for the first key outside the rules. */
export function checkBatchKeys(keys: readonly string[], limits: Limits): void {
  checkBatchCount(keys.length, limits);
  for (const key of keys) checkKey(key, limits);
}

/** Throws for the first thing that is wrong with a batch of entries, so none of it is stored. */
export function checkBatchEntries(
  entries: ReadonlyMap<string, Uint8Array>,
  limits: Limits,
): void {
  checkBatchCount(entries.size, limits);
  let bytes = 0;
  for (const [key, value] of entries) {
    checkKey(key, limits);
    checkValue(value, limits);
    bytes += value.length;
  }
  if (bytes <= limits.maxBatchBytes) return;
  throw new CacheError(
    "batch_too_large",
    `The values of a batch have at most ${limits.maxBatchBytes} bytes; these have ${bytes}.`,
  );
}

function checkBatchCount(count: number, limits: Limits): void {
  if (count <= limits.maxBatchKeys) return;
  throw new CacheError(
    "batch_too_large",
    `A batch has at most ${limits.maxBatchKeys} keys; this one has ${count}.`,
  );
}
