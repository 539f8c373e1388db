/** Sizes a request may have; every one is checked before anything is stored. */
export interface Limits {
  /** Longest key, in bytes of UTF-8. */
  readonly maxKeyBytes: number;
  /** Longest value, in bytes. */
  readonly maxValueBytes: number;
  /** Most keys of one batch. */
  readonly maxBatchKeys: number;
  /** Most bytes of values in one batch, in a request and in an answer. */
  readonly maxBatchBytes: number;
  /** The TTL of an entry that names none, in whole seconds. */
  readonly defaultTtlSeconds: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxKeyBytes: 512,
  maxValueBytes: 1024 * 1024,
  maxBatchKeys: 1000,
  maxBatchBytes: 8 * 1024 * 1024,
  defaultTtlSeconds: 3600,
};

/** The longest TTL a caller may ask for: 30 days. */
export const MAX_TTL_SECONDS = 2_592_000;

/** The longest namespace, in characters (all of them ASCII). */
export const MAX_NAMESPACE_LENGTH = 64;

/** A stamp that was read raises the own clock only if it is at most this far ahead. */
export const MAX_STAMP_LEAD_MS = 60_000;

/** The longest correlation id taken from a request, in characters. */
export const MAX_CORRELATION_ID_LENGTH = 128;

/** The largest invalidation event, in bytes of JSON. */
export const MAX_EVENT_BYTES = 1024 * 1024;
/** The most keys of one event. */
export const MAX_EVENT_KEYS = 1000;
