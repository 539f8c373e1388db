import { constants, type Http2Server, type Http2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Clock, Timer } from "../core/clock.ts";
import { TimeoutQueue, type Wait } from "../core/timeout_queue.ts";
import type { HeaderLimits } from "./header_fields.ts";
import { HeaderScan } from "./header_scan.ts";

/** What one client may take of the server. */
export interface ConnectionLimits {
  /** Connections beyond are closed as they come. */
  readonly maxConnections: number;
  /** The longest that a TLS handshake may take, and then the first words of HTTP/2. */
  readonly helloTimeoutMs: number;
  /** The longest that a connection without a call is kept. */
  readonly idleTimeoutMs: number;
  /** How long a client may take nothing of what is on its way before it is cut off. */
  readonly stallTimeoutMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  maxConnections: 8192,
  helloTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  stallTimeoutMs: 10_000,
};

/** Far more than proxies add to a token, and less than the 128 fields that Deno would refuse by itself. */
const HEADER_LIMITS: HeaderLimits = { maxFields: 100, maxBytes: 128 * 1024 };

/** The connections of a server, kept within limits that neither the library nor `node:http2` has. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #hellos: TimeoutQueue;
  readonly #open = new Set<Connection>();
  readonly #bySession = new WeakMap<Http2Session, Connection>();
  #timer: Timer;

  constructor(limits: ConnectionLimits, { clock }: { readonly clock: Clock }) {
    this.#limits = limits;
    this.#clock = clock;
    this.#hellos = new TimeoutQueue({ clock, timeoutMs: limits.helloTimeoutMs });
    this.#timer = this.#lookLater();
  }

  /** Watches over the connections that `server` accepts from now on. */
  watch(server: Http2Server, { isSecure }: { readonly isSecure: boolean }): void {
    server.maxConnections = this.#limits.maxConnections;
    // Before the server's own listener, which makes the session at once: so the two belong together.
    let latest: Connection | undefined;
    server.prependListener(isSecure ? "secureConnection" : "connection", (socket: Socket) => {
      const connection = new Connection(socket, this.#hellos);
      this.#open.add(connection);
      socket.once("close", () => this.#open.delete(connection));
      latest = connection;
    });
    server.on("session", (session) => {
      if (latest === undefined) return;
      latest.begin(session);
      this.#bySession.set(session, latest);
    });
  }

  /** Calls `then` once the client has taken all that its connection has to send, or has gone. */
  whenTaken(session: Http2Session | undefined, then: () => void): void {
    const connection = session && this.#bySession.get(session);
    if (connection === undefined) then();
    else connection.whenTaken(then);
  }

  /** Looks after them no longer. */
  close(): void {
    this.#hellos.stop();
    this.#timer.cancel();
  }

  #lookLater(): Timer {
    return this.#clock.setTimer(() => {
      for (const connection of this.#open) connection.cutIfStalled();
      this.#timer = this.#lookLater();
    }, this.#limits.stallTimeoutMs);
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #hello: Wait;
  readonly #headers = new HeaderScan(HEADER_LIMITS);
  #session: Http2Session | undefined;
  #sentBytes = 0;

  constructor(socket: Socket, hellos: TimeoutQueue) {
    this.#socket = socket;
    this.#hello = hellos.begin(() => this.cut());
    socket.once("close", () => this.#hello.end());
    socket.on("data", (chunk: Uint8Array) => {
      if (!this.#headers.read(chunk)) this.#refuse();
    });
  }

  begin(session: Http2Session): void {
    this.#session = session;
    session.once("remoteSettings", () => this.#hello.end());
  }

  whenTaken(then: () => void): void {
    if (!this.#socket.writableNeedDrain) return then();
    const settle = (): void => {
      this.#socket.off("drain", settle);
      this.#socket.off("close", settle);
      then();
    };
    this.#socket.once("drain", settle);
    this.#socket.once("close", settle);
  }

  /** To end its session would wait for the client to take what is sent. */
  cut(): void {
    this.#socket.destroy();
  }

  cutIfStalled(): void {
    const unsentBytes = this.#socket.writableLength;
    const sentBytes = this.#socket.bytesWritten - unsentBytes;
    if (unsentBytes > 0 && sentBytes === this.#sentBytes) this.cut();
    this.#sentBytes = sentBytes;
  }

  /** Ends the session before it reads what is refused. */
  #refuse(): void {
    const reason = new Error("The headers of a call are over the limit.");
    this.#session?.destroy(reason, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}
