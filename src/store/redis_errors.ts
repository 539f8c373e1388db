import { CacheError } from "../core/errors.ts";

/** Seconds after which a client may try again; Redis is looked for several times a second. */
const RETRY_AFTER_SECONDS = 1;

/** The failure of a call that Redis did not answer, or answered with an error. */
export function redisUnavailable(message: string, cause?: unknown): CacheError {
  return new CacheError("redis_unavailable", message, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * What a failed Redis command means to a caller. A key of another type is one entry's fault; all
 * others (connection, LOADING, CLUSTERDOWN, READONLY, OOM, NOPERM, …) keep Redis from serving.
 */
export function fromRedisError(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  if (redisErrorKind(error) === "WRONGTYPE") {
    return new CacheError("entry_invalid", "The stored entry cannot be read: it is no string.");
  }
  return redisUnavailable("Redis could not carry out the call.", error);
}

/** The first word of an error reply (Redis protocol, "Simple errors"), such as `MOVED`. */
export function redisErrorKind(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const end = error.message.indexOf(" ");
  return end === -1 ? error.message : error.message.slice(0, end);
}
