/** What the headers of one call may come to. */
export interface HeaderLimits {
  readonly maxFields: number;
  /** Names, values and 32 bytes a field (RFC 7541, section 4.1), estimated from above. */
  readonly maxBytes: number;
}

const FIELD_BYTES = 32;
/** Indices up to here name entries that every connection has; later ones those of the client. */
const STATIC_ENTRIES = 61;
/** The largest entry there can be: the table has this size unless a server allows more. */
const TABLE_BYTES = 4096;
/** The shortest Huffman code has 5 bits for a character of 8. */
const HUFFMAN_GROWTH = 8 / 5;

/** Measures the header blocks of one connection by their structure (RFC 7541, section 6). */
export class HeaderFields {
  readonly #limits: HeaderLimits;
  #fields = 0;
  #bytes = 0;
  /** The largest entry that the client may have stored to refer to. */
  #largestEntryBytes = 0;
  /** The beginning of a field whose rest has not come yet. */
  #pending: Uint8Array = new Uint8Array(0);

  constructor(limits: HeaderLimits) {
    this.#limits = limits;
  }

  /** A new block begins. */
  begin(): void {
    this.#fields = 0;
    this.#bytes = 0;
    this.#pending = new Uint8Array(0);
  }

  /** Reads on in the block; false once it is over a limit. */
  read(fragment: Uint8Array): boolean {
    const bytes = this.#pending.length === 0 ? fragment : joined(this.#pending, fragment);
    const reader = new Reader(bytes);
    let start = 0;
    while (this.#readField(reader)) {
      start = reader.offset;
      if (this.#fields > this.#limits.maxFields || this.#bytes > this.#limits.maxBytes) {
        return false;
      }
    }
    // Copied, because the bytes belong to the connection's buffer.
    this.#pending = bytes.slice(start);
    return this.#pending.length <= this.#limits.maxBytes;
  }

  /** Counts one field; false where it is not whole yet. */
  #readField(reader: Reader): boolean {
    const first = reader.peek();
    if (first === undefined) return false;
    // A change of the table's size is no field.
    if ((first & 0xe0) === 0x20) return reader.integer(5) !== undefined;
    const isReference = first >= 0x80;
    const isStored = !isReference && first >= 0x40;
    const index = reader.integer(isReference ? 7 : isStored ? 6 : 4);
    if (index === undefined) return false;
    let bytes = FIELD_BYTES + (index > STATIC_ENTRIES ? this.#largestEntryBytes : 0);
    for (let texts = isReference ? 0 : index === 0 ? 2 : 1; texts > 0; texts--) {
      const textBytes = reader.text();
      if (textBytes === undefined) return false;
      bytes += textBytes;
    }
    if (isStored) {
      this.#largestEntryBytes = Math.min(TABLE_BYTES, Math.max(this.#largestEntryBytes, bytes));
    }
    this.#fields++;
    this.#bytes += bytes;
    return true;
  }
}

/** Reads integers and passes over texts (RFC 7541, section 5); undefined where bytes are missing. */
class Reader {
  readonly #bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  peek(): number | undefined {
    return this.#bytes[this.offset];
  }

  integer(prefixBits: number): number | undefined {
    const largest = 2 ** prefixBits - 1;
    const first = this.#bytes[this.offset++];
    if (first === undefined) return undefined;
    if ((first & largest) < largest) return first & largest;
    let value = largest;
    for (let factor = 1;; factor *= 128) {
      const byte = this.#bytes[this.offset++];
      if (byte === undefined) return undefined;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  /** The most bytes that the text may have. */
  text(): number | undefined {
    const first = this.peek();
    const length = this.integer(7);
    if (first === undefined || length === undefined) return undefined;
    this.offset += length;
    if (this.offset > this.#bytes.length) return undefined;
    return first >= 0x80 ? Math.ceil(length * HUFFMAN_GROWTH) : length;
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
