import { CacheError } from "../core/errors.ts";

/** Seconds after which a client may try again; Redis is looked for several times a second. */
const RETRY_AFTER_SECONDS = 1;

/** The failure of a call that Redis did not carry out, so far as is known. */
export class RedisUnavailable extends CacheError {
  /** Whether the command certainly did nothing and will do nothing. */
  readonly isUndone: boolean;

  constructor(
    message: string,
    options: {
      readonly isUndone: boolean;
      readonly code?: "redis_unavailable" | "circuit_open";
      readonly cause?: unknown;
    },
  ) {
    super(options.code ?? "redis_unavailable", message, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      cause: options.cause,
    });
    this.isUndone = options.isUndone;
  }
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
  return new RedisUnavailable("Redis could not carry out the call.", {
    isUndone: isReply(error) || wasNeverSent(error),
    cause: error,
  });
}

/**
 * The first word of an error reply (Redis protocol, "Simple errors"), such as `MOVED`. Before Redis 7
 * an error in a script is told as one of the script, with the word of the command's own within.
 */
export function redisErrorKind(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if (error.message.startsWith("ERR Error running script")) {
    return / -([A-Z]+) /.exec(error.message)?.[1] ?? "ERR";
  }
  const end = error.message.indexOf(" ");
  return end === -1 ? error.message : error.message.slice(0, end);
}

/** Error replies that tell of the server's state and not of the command. */
const SERVER_STATES = new Set(["LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "TRYAGAIN"]);

/** Whether an error reply counts against the server: it says that it cannot serve. */
export function isServerState(error: unknown): boolean {
  return SERVER_STATES.has(redisErrorKind(error));
}

/** Whether an error is the server's answer, and no failure to get one. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === "ReplyError";
}

/** Whether the client had no connection to write the command to. */
export function wasNeverSent(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Stream isn't writeable");
}
