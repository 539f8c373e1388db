import { HeaderFields, type HeaderLimits } from "./header_fields.ts";

const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;
const HEADERS = 1;
const CONTINUATION = 9;
const PADDED = 0x8;
const PRIORITY = 0x20;
/** What stands before the fields where the frame has a priority. */
const PRIORITY_BYTES = 5;
/** A frame's header with the bytes of padding and priority. */
const LONGEST_HEAD_BYTES = FRAME_HEADER_BYTES + 1 + PRIORITY_BYTES;

/**
 * Reads along with what a client of HTTP/2 sends (RFC 9113, section 4), as far as it takes to tell
 * how large its headers become.
 *
 * In Deno 2.9.3 `node:http2` bounds the headers of a call by their number alone, and keeps those of
 * a call that it refuses for as long as the connection, or longer: a client without a token that
 * refers again and again, by one byte each, to a value of 4 KiB takes gigabytes for few megabytes.
 */
export class HeaderScan {
  readonly #fields: HeaderFields;
  readonly #head = new Uint8Array(LONGEST_HEAD_BYTES);
  #headBytes = 0;
  /** Bytes of no interest that come next. */
  #skipBytes = PREFACE_BYTES;
  /** Bytes of fields that come next, and of the padding behind them. */
  #fieldBytes = 0;
  #paddingBytes = 0;

  constructor(limits: HeaderLimits) {
    this.#fields = new HeaderFields(limits);
  }

  /** Reads on; false once the headers of a call are over a limit. */
  read(chunk: Uint8Array): boolean {
    let offset = 0;
    while (offset < chunk.length) {
      const left = chunk.length - offset;
      if (this.#skipBytes > 0) {
        const count = Math.min(this.#skipBytes, left);
        this.#skipBytes -= count;
        offset += count;
      } else if (this.#fieldBytes > 0) {
        const count = Math.min(this.#fieldBytes, left);
        if (!this.#fields.read(chunk.subarray(offset, offset + count))) return false;
        this.#fieldBytes -= count;
        if (this.#fieldBytes === 0) this.#skipBytes = this.#paddingBytes;
        offset += count;
      } else this.#readHead(chunk[offset++] ?? 0);
    }
    return true;
  }

  /** Frames come in pieces of any size, so a head is read byte by byte. */
  #readHead(byte: number): void {
    const head = this.#head;
    head[this.#headBytes++] = byte;
    if (this.#headBytes < FRAME_HEADER_BYTES) return;
    const [high = 0, middle = 0, low = 0, type = 0, flags = 0] = head;
    const length = (high << 16) | (middle << 8) | low;
    const isPadded = type === HEADERS && (flags & PADDED) !== 0;
    const hasPriority = type === HEADERS && (flags & PRIORITY) !== 0;
    const extraBytes = (isPadded ? 1 : 0) + (hasPriority ? PRIORITY_BYTES : 0);
    if (this.#headBytes < FRAME_HEADER_BYTES + Math.min(extraBytes, length)) return;
    this.#headBytes = 0;
    if (type !== HEADERS && type !== CONTINUATION) {
      this.#skipBytes = length;
      return;
    }
    if (type === HEADERS) this.#fields.begin();
    const paddingBytes = isPadded ? head[FRAME_HEADER_BYTES] ?? 0 : 0;
    // Of a frame that contradicts itself the server will say so.
    this.#fieldBytes = Math.max(0, length - extraBytes - paddingBytes);
    this.#paddingBytes = Math.max(0, length - extraBytes) - this.#fieldBytes;
    if (this.#fieldBytes === 0) this.#skipBytes = this.#paddingBytes;
  }
}
