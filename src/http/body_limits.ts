import type { Limits } from "../core/limits.ts";
import { base64Length } from "./base64.ts";

/** The most bytes that the body of each call may have. */
export interface BodyLimits {
  /** PUT with the bytes of the value. */
  readonly raw: number;
  /** PUT with JSON. */
  readonly json: number;
  readonly batchGet: number;
  readonly batchSet: number;
}

/** For the members of a body besides values and keys, and for white space. */
const FRAME_BYTES = 1024;
/** A byte of a key as JSON may write it: `\u0000`. */
const ESCAPED_BYTES = 6;
/** Quotes, colon, comma, base64 padding and some white space around one member. */
const MEMBER_BYTES = 16;

/** Room for all that the limits allow, as a client may reasonably write it down. */
export function bodyLimits(limits: Limits): BodyLimits {
  const keyBytes = limits.maxKeyBytes * ESCAPED_BYTES + MEMBER_BYTES;
  return {
    raw: limits.maxValueBytes,
    json: valueBytes(limits.maxValueBytes) + FRAME_BYTES,
    batchGet: limits.maxBatchKeys * keyBytes + FRAME_BYTES,
    batchSet: valueBytes(limits.maxBatchBytes) + limits.maxBatchKeys * keyBytes + FRAME_BYTES,
  };
}

/** Base64 and a sixteenth more, because some encoders write each `/` of it as `\/`. */
function valueBytes(bytes: number): number {
  return Math.ceil(base64Length(bytes) * 17 / 16);
}
