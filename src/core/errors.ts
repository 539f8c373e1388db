/** The closed set of codes a caller can receive; each transport maps them once. */
export type ErrorCode =
  | "key_not_found"
  | "invalid_key"
  | "invalid_value"
  | "invalid_ttl"
  | "invalid_namespace"
  | "invalid_request"
  | "value_too_large"
  | "batch_too_large"
  | "unauthorized"
  | "forbidden"
  | "identity_unavailable"
  | "encryption_unavailable"
  | "redis_unavailable"
  | "broker_unavailable"
  | "circuit_open"
  | "overloaded"
  | "deadline_exceeded"
  | "encryption_failed"
  | "decryption_failed"
  | "entry_invalid"
  | "internal";

/** One bad member of a request. */
export interface FieldFault {
  /** Where it stands, as a JSON Pointer (RFC 6901), such as `/ttl_seconds`. */
  readonly pointer: string;
  /** What is wrong with it, for a person. */
  readonly detail: string;
}

/** What can be told besides code and message. */
export interface CacheErrorOptions {
  readonly fields?: readonly FieldFault[];
  /** Seconds after which a retry may succeed; a whole number, 1 or more. */
  readonly retryAfterSeconds?: number;
  /** The fault underneath, for the log; it never reaches a client. */
  readonly cause?: unknown;
}

/**
 * A failure that a client may see. The message names the action, the limit and the value received
 * by size or kind; it never holds a key, a value, a token or an address.
 */
export class CacheError extends Error {
  override readonly name = "CacheError";
  readonly code: ErrorCode;
  readonly fields: readonly FieldFault[];
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: CacheErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fields = options.fields ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** True for failures of the store's infrastructure, which another attempt may not meet. */
export function isStoreOutage(error: unknown): boolean {
  return error instanceof CacheError &&
    (error.code === "redis_unavailable" || error.code === "circuit_open");
}

/** Wraps whatever was thrown; a `CacheError` passes as it is, all else becomes `internal`. */
export function asCacheError(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  return new CacheError("internal", "The request failed inside the service.", { cause: error });
}

/** The failure of a batch read whose values exceed the limit. */
export function batchAnswerTooLarge(maxBytes: number): CacheError {
  return new CacheError(
    "batch_too_large",
    `The values of the requested keys come to more than the ${maxBytes} bytes of one batch.`,
  );
}
