import { CacheError } from "./errors.ts";
import { readStamp, type Stamp, writeStamp } from "./stamp.ts";

/**
 * What the store holds for a key. Stored form: a header of 24 bytes, then the payload. The header is
 * `magic 0xC5 · format 1 · flags · 0 · stamp 12 · expires-at 8`, numbers big-endian.
 */
export interface Entry {
  /** Bits of `FLAG_*`. */
  readonly flags: number;
  readonly stamp: Stamp;
  /** Unix milliseconds of store time from which the entry reads as a miss. */
  readonly expiresAtMs: number;
  /** The value, or its sealed form; empty for a tombstone. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** The format that is written, and the only one that is read. */
export const ENTRY_FORMAT = 1;
export const ENTRY_HEADER_BYTES = 24;
/** The payload is sealed by an envelope. */
export const FLAG_ENCRYPTED = 1;
/** A deleted key: header only, kept so that an older write cannot bring the value back. */
export const FLAG_TOMBSTONE = 4;

const MAGIC = 0xc5;
const FORMAT_OFFSET = 1;
const FLAGS_OFFSET = 2;
const RESERVED_OFFSET = 3;
const STAMP_OFFSET = 4;
const EXPIRY_OFFSET = 16;

/** The stored bytes of an entry, in a buffer of their own. */
export function encodeEntry(entry: Entry): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ENTRY_HEADER_BYTES + entry.payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = MAGIC;
  bytes[FORMAT_OFFSET] = ENTRY_FORMAT;
  bytes[FLAGS_OFFSET] = entry.flags;
  writeStamp(view, STAMP_OFFSET, entry.stamp);
  view.setUint32(EXPIRY_OFFSET, Math.floor(entry.expiresAtMs / 0x1_0000_0000));
  view.setUint32(EXPIRY_OFFSET + 4, entry.expiresAtMs >>> 0);
  bytes.set(entry.payload, ENTRY_HEADER_BYTES);
  return bytes;
}

/** Reads stored bytes; the payload is a view of them. Returns `entry_invalid` for what is not ours. */
export function decodeEntry(bytes: Uint8Array<ArrayBuffer>): Entry | CacheError {
  if (bytes.length < ENTRY_HEADER_BYTES) {
    return invalid(`has ${bytes.length} bytes, fewer than its header of ${ENTRY_HEADER_BYTES}`);
  }
  if (bytes[0] !== MAGIC) return invalid("does not start with the magic byte");
  if (bytes[FORMAT_OFFSET] !== ENTRY_FORMAT) {
    return invalid(`has format ${bytes[FORMAT_OFFSET]}; this version reads ${ENTRY_FORMAT}`);
  }
  const flags = bytes[FLAGS_OFFSET] ?? 0;
  if (flags !== 0 && flags !== FLAG_ENCRYPTED && flags !== FLAG_TOMBSTONE) {
    return invalid(`has flags ${flags}, which this version does not read`);
  }
  if (bytes[RESERVED_OFFSET] !== 0) return invalid("has a reserved byte that is not 0");
  if (flags === FLAG_TOMBSTONE && bytes.length > ENTRY_HEADER_BYTES) {
    return invalid("is a tombstone with a payload");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, ENTRY_HEADER_BYTES);
  const expiresAtMs = view.getUint32(EXPIRY_OFFSET) * 0x1_0000_0000 +
    view.getUint32(EXPIRY_OFFSET + 4);
  if (!Number.isSafeInteger(expiresAtMs)) return invalid("has an expiry beyond 2^53 ms");
  return {
    flags,
    stamp: readStamp(view, STAMP_OFFSET),
    expiresAtMs,
    payload: bytes.subarray(ENTRY_HEADER_BYTES),
  };
}

/** True when the entry was deleted. */
export function isTombstone(entry: Entry): boolean {
  return (entry.flags & FLAG_TOMBSTONE) !== 0;
}

/** True when the entry answers a read at `nowMs`: neither deleted nor expired. */
export function isLive(entry: Entry, nowMs: number): boolean {
  return !isTombstone(entry) && entry.expiresAtMs > nowMs;
}

function invalid(reason: string): CacheError {
  return new CacheError("entry_invalid", `The stored entry cannot be read: it ${reason}.`);
}
