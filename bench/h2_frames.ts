import { AUTHORIZATION } from "./identity.ts";

/** The few frames of HTTP/2 (RFC 9113) that a client of unary gRPC calls needs. */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

/** Of headers and data; on settings and pings the same bit means an acknowledgement. */
export const END_STREAM = 1;
export const ACK = 1;
const END_HEADERS = 4;

export const FRAME_HEADER_BYTES = 9;
/** What a server may send, and be sent, until other settings are agreed. */
export const MAX_FRAME_BYTES = 16_384;
export const INITIAL_WINDOW_BYTES = 65_535;
const LARGEST_WINDOW = 2 ** 31 - 1;
const SETTING_INITIAL_WINDOW_SIZE = 4;

const encoder = new TextEncoder();

/** A call as the frames of one stream, whose id is still to be written at each of `idOffsets`. */
export interface CallFrames {
  readonly bytes: Uint8Array;
  readonly idOffsets: readonly number[];
  /** What the call takes from the send windows. */
  readonly dataBytes: number;
}

/** The frames of a unary call with `message`; `path` is such as `/cache.v1.CacheService/Get`. */
export function callFrames(path: string, message: Uint8Array): CallFrames {
  const data = concat([[0], uint32(message.length), message]);
  const frames = [frame(FRAME.headers, { flags: END_HEADERS, payload: headerBlock(path) })];
  for (let start = 0; start < data.length; start += MAX_FRAME_BYTES) {
    const payload = data.subarray(start, start + MAX_FRAME_BYTES);
    const flags = start + MAX_FRAME_BYTES >= data.length ? END_STREAM : 0;
    frames.push(frame(FRAME.data, { flags, payload }));
  }
  let offset = 0;
  const idOffsets = frames.map(({ length }) => (offset += length) - length + 5);
  return { bytes: concat(frames), idOffsets, dataBytes: data.length };
}

/** What a client says first; opens its windows so far that it need never open them again. */
export function clientPreface(): Uint8Array {
  return concat([
    encoder.encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(FRAME.settings, {
      payload: concat([[0, SETTING_INITIAL_WINDOW_SIZE], uint32(LARGEST_WINDOW)]),
    }),
    frame(FRAME.windowUpdate, { payload: uint32(LARGEST_WINDOW - INITIAL_WINDOW_BYTES) }),
  ]);
}

/** A frame of stream 0 unless the id is written later. */
export function frame(
  type: number,
  options: { readonly flags?: number; readonly payload?: ArrayLike<number> } = {},
): Uint8Array {
  const { flags = 0, payload = [] } = options;
  return concat([uint32(payload.length).subarray(1), [type, flags], uint32(0), payload]);
}

/**
 * Request headers in HPACK (RFC 7541): two fields of the static table, then fields spelt out that
 * no table keeps, so that the block is the same for every call.
 */
function headerBlock(path: string): Uint8Array {
  const method = 0x83;
  const scheme = 0x86;
  return concat([
    [method, scheme],
    field(":path", path),
    field(":authority", "127.0.0.1"),
    field("content-type", "application/grpc"),
    field("te", "trailers"),
    field("authorization", AUTHORIZATION),
  ]);
}

function field(name: string, value: string): Uint8Array {
  return concat([[0], text(name), text(value)]);
}

/** A text of ASCII characters, fewer than 254 of them, behind its length in a prefix of 7 bits. */
function text(text: string): Uint8Array {
  const length = text.length < 127 ? [text.length] : [127, text.length - 127];
  return concat([length, encoder.encode(text)]);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function concat(parts: readonly ArrayLike<number>[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
