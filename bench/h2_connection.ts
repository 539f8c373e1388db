import {
  ACK,
  type CallFrames,
  clientPreface,
  END_STREAM,
  FRAME,
  frame,
  FRAME_HEADER_BYTES,
  INITIAL_WINDOW_BYTES,
} from "./h2_frames.ts";

const BUFFER_BYTES = 1 << 20;
const PING_BYTES = 8;

/** Where a connection takes its calls from, and tells of their answers. */
export interface Caller {
  /** The next call; nothing when it is time to stop. */
  next(): CallFrames | undefined;
  /** Tells of the end of a call and how long it took in milliseconds. */
  answered(ms: number, options: { readonly ok: boolean }): void;
}

/**
 * One connection that keeps a number of unary calls in flight. It looks no deeper into an answer
 * than to tell success from failure: a gRPC error comes as headers alone, without a message.
 */
export class H2Connection {
  readonly #socket: Deno.TcpConn;
  readonly #caller: Caller;
  readonly #calls = new Map<number, { readonly startedMs: number; hasMessage: boolean }>();
  readonly #in = new Uint8Array(BUFFER_BYTES);
  readonly #out = new Uint8Array(BUFFER_BYTES);
  #outLength = 0;
  #sendWindow = INITIAL_WINDOW_BYTES;
  #nextStream = 1;
  #waiting: CallFrames | undefined;

  private constructor(socket: Deno.TcpConn, caller: Caller) {
    this.#socket = socket;
    this.#caller = caller;
  }

  /** Calls until `caller` has no more calls and every answer is there. */
  static async run(
    port: number,
    options: { readonly caller: Caller; readonly inFlight: number },
  ): Promise<void> {
    using socket = await Deno.connect({ hostname: "127.0.0.1", port });
    socket.setNoDelay();
    const connection = new H2Connection(socket, options.caller);
    connection.#push(clientPreface());
    await connection.#pump(options.inFlight);
  }

  async #pump(inFlight: number): Promise<void> {
    let filled = 0;
    this.#fill(inFlight);
    while (this.#calls.size > 0 || this.#waiting !== undefined) {
      await this.#flush();
      const count = await this.#socket.read(this.#in.subarray(filled));
      if (count === null) throw new Error("the server closed a connection under load");
      filled += count;
      const used = this.#readFrames(filled);
      this.#in.copyWithin(0, used, filled);
      filled -= used;
      this.#fill(inFlight);
    }
  }

  /** Starts calls until `inFlight` are open or the window of the connection is used up. */
  #fill(inFlight: number): void {
    while (this.#calls.size < inFlight) {
      const call = this.#waiting ?? this.#caller.next();
      const fits = call !== undefined && call.dataBytes <= this.#sendWindow &&
        this.#outLength + call.bytes.length <= BUFFER_BYTES;
      this.#waiting = fits ? undefined : call;
      if (!fits) return;
      this.#start(call);
    }
  }

  #start(call: CallFrames): void {
    const view = new DataView(this.#out.buffer);
    const start = this.#outLength;
    this.#push(call.bytes);
    for (const offset of call.idOffsets) view.setUint32(start + offset, this.#nextStream);
    this.#calls.set(this.#nextStream, { startedMs: performance.now(), hasMessage: false });
    this.#sendWindow -= call.dataBytes;
    this.#nextStream += 2;
  }

  /** Handles the whole frames among the first `filled` bytes; returns how many bytes they take. */
  #readFrames(filled: number): number {
    const view = new DataView(this.#in.buffer);
    let at = 0;
    while (filled - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + (view.getUint32(at) >>> 8);
      if (end > filled) break;
      this.#handle(view, { at, type: view.getUint8(at + 3), flags: view.getUint8(at + 4) });
      at = end;
    }
    return at;
  }

  #handle(
    view: DataView,
    { at, type, flags }: { readonly at: number; readonly type: number; readonly flags: number },
  ): void {
    const stream = view.getUint32(at + 5);
    const payload = at + FRAME_HEADER_BYTES;
    const call = this.#calls.get(stream);
    if (type === FRAME.data && call !== undefined) call.hasMessage = true;
    else if (type === FRAME.reset) this.#end(stream, { ok: false });
    else if (type === FRAME.headers && (flags & END_STREAM) !== 0) {
      this.#end(stream, { ok: call?.hasMessage ?? false });
    } else if (type === FRAME.windowUpdate && stream === 0) {
      this.#sendWindow += view.getUint32(payload);
    } else if (type === FRAME.settings && (flags & ACK) === 0) {
      this.#push(frame(FRAME.settings, { flags: ACK }));
    } else if (type === FRAME.ping && (flags & ACK) === 0) {
      const echo = this.#in.slice(payload, payload + PING_BYTES);
      this.#push(frame(FRAME.ping, { flags: ACK, payload: echo }));
    } else if (type === FRAME.goAway) throw new Error("the server sent calls away under load");
  }

  #end(stream: number, result: { readonly ok: boolean }): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    this.#calls.delete(stream);
    this.#caller.answered(performance.now() - call.startedMs, result);
  }

  #push(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#outLength);
    this.#outLength += bytes.length;
  }

  async #flush(): Promise<void> {
    for (let sent = 0; sent < this.#outLength;) {
      sent += await this.#socket.write(this.#out.subarray(sent, this.#outLength));
    }
    this.#outLength = 0;
  }
}
