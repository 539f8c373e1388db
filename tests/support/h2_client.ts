/** Frames of HTTP/2 (RFC 9113, section 6) by their type. */
export const FRAME = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames; one bit means what the type of its frame makes of it. */
export const FLAG = { ack: 1, endStream: 1, endHeaders: 4 } as const;

/** Settings by their number (RFC 9113, section 6.5.2). */
export const SETTING = { initialWindowSize: 4 } as const;

/** Codes of `RST_STREAM` and `GOAWAY` (RFC 9113, section 7). */
export const CODE = { noError: 0, internal: 2, cancel: 8, enhanceYourCalm: 11 } as const;

export interface FrameParts {
  readonly streamId?: number;
  readonly flags?: number;
  readonly payload?: Uint8Array;
}

const HEADER_BYTES = 9;
export const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function frame(type: number, { streamId = 0, flags = 0, payload }: FrameParts): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + (payload?.length ?? 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ((payload?.length ?? 0) << 8) | type);
  view.setUint8(4, flags);
  view.setUint32(5, streamId);
  if (payload !== undefined) bytes.set(payload, HEADER_BYTES);
  return bytes;
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** A header field in full, which HPACK does not store (RFC 7541, section 6.2.2). */
export function headerField(name: string, value: string): Uint8Array {
  return concat([Uint8Array.of(0), hpackString(name), hpackString(value)]);
}

/** A header field in full, to which the next `NEWEST_ENTRY` refers (section 6.2.1). */
export function storedField(name: string, value: string): Uint8Array {
  return concat([Uint8Array.of(0x40), hpackString(name), hpackString(value)]);
}

/** One byte in the place of the field that was stored last (section 6.1). */
export const NEWEST_ENTRY = 0x80 | 62;

function hpackString(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < 127) return concat([Uint8Array.of(bytes.length), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  return concat([Uint8Array.of(...length, rest), bytes]);
}

/** The headers of a call. */
export function callHeaders(
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const headers = {
    ":method": "POST",
    ":scheme": "http",
    ":path": path,
    ":authority": "localhost",
    "content-type": "application/grpc",
    "te": "trailers",
    ...metadata,
  };
  return concat(Object.entries(headers).map(([name, value]) => headerField(name, value)));
}

/** The frames of a whole unary call. */
export function callFrames(
  streamId: number,
  { headers, message }: { readonly headers: Uint8Array; readonly message: Uint8Array },
): Uint8Array {
  // Not compressed, and of this length.
  const payload = concat([Uint8Array.of(0), uint32(message.length), message]);
  return concat([
    frame(FRAME.headers, { streamId, flags: FLAG.endHeaders, payload: headers }),
    frame(FRAME.data, { streamId, flags: FLAG.endStream, payload }),
  ]);
}

/** A frame that has come. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
  /** The number that the payload has at `offset`, such as that of an error. */
  code(offset?: number): number;
}

/** A client that says in HTTP/2 what no library would, and hears what a test asks it to. */
export class H2Client implements Disposable {
  readonly #connection: Deno.Conn;
  #unread: Uint8Array = new Uint8Array(0);

  /** Takes over `connection`, and says nothing yet. */
  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Connects to a loopback port and says nothing. */
  static async connect(port: number): Promise<H2Client> {
    return new H2Client(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Connects to a loopback port and announces `settings`, by their number. */
  static async open(
    port: number,
    settings: Readonly<Record<number, number>> = {},
  ): Promise<H2Client> {
    const client = await H2Client.connect(port);
    const payload = concat(
      Object.entries(settings).flatMap(([id, value]) => [Uint8Array.of(0, +id), uint32(value)]),
    );
    await client.write(concat([PREFACE, frame(FRAME.settings, { payload })]));
    return client;
  }

  /** Rejects where the server has closed the connection. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length;) {
      offset += await this.#connection.write(bytes.subarray(offset));
    }
  }

  /** The next frame; nothing where the server has closed the connection. */
  async read(): Promise<Frame | undefined> {
    const header = await this.#take(HEADER_BYTES);
    if (header === undefined) return undefined;
    const view = new DataView(header.buffer, header.byteOffset);
    const payload = await this.#take(view.getUint32(0) >>> 8);
    if (payload === undefined) return undefined;
    return {
      type: view.getUint8(3),
      flags: view.getUint8(4),
      streamId: view.getUint32(5),
      payload,
      code: (offset = 0) => new DataView(payload.buffer, payload.byteOffset).getUint32(offset),
    };
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #take(count: number): Promise<Uint8Array | undefined> {
    const parts = [this.#unread];
    let length = this.#unread.length;
    while (length < count) {
      const chunk = new Uint8Array(65_536);
      const read = await this.#connection.read(chunk).catch(() => null);
      if (read === null) return undefined;
      parts.push(chunk.subarray(0, read));
      length += read;
    }
    const all = concat(parts);
    this.#unread = all.subarray(count);
    return all.subarray(0, count);
  }
}
