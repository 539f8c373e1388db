import http from "node:http";
import https from "node:https";
import net from "node:net";
import { BindError } from "../core/bind_error.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { hostPort } from "../core/host_port.ts";
import { settlesWithin } from "../core/settles_within.ts";
import type { Logger } from "../core/telemetry.ts";
import type { TlsFiles } from "../core/tls_files.ts";
import { ListenerWatch } from "../net/listener_watch.ts";
import { NodeRequest } from "./node_request.ts";
import type { RestApp } from "./rest_app.ts";
import { sendAnswer } from "./send_answer.ts";

/** A bound REST server. */
export interface RestServer {
  /** The port that is bound, also where 0 was asked for. */
  readonly port: number;
  /** Takes no new connections, closes idle ones and resolves when the rest have their answers. */
  shutdown(): Promise<void>;
  /** Closes every connection at once, answered or not. */
  abort(): Promise<void>;
}

/** What one client may take of the server. */
export interface ConnectionLimits {
  /** Connections beyond are closed as they come. */
  readonly maxConnections: number;
  /** The longest that the head of a request, or a TLS handshake, may take to arrive. */
  readonly headTimeoutMs: number;
  /** The longest that a connection is kept between two requests. */
  readonly idleTimeoutMs: number;
}

/** Longer than the idle times of the usual proxies, whose end should be the one that closes. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  maxConnections: 8192,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
};

/** Where to listen, and what it takes to stay there. */
export interface RestServerOptions {
  readonly host: string;
  readonly port: number;
  /** The longest that a request may take to arrive once its head is there. */
  readonly requestTimeoutMs: number;
  /** Absent for plain HTTP. New connections get the pair that is current. */
  readonly tls?: TlsFiles;
  readonly connectionLimits?: ConnectionLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Bytes of a request's head, its target included. */
const MAX_HEAD_BYTES = 32 * 1024;
/** How long nothing must be in flight for the end not to wait for what connections are left. */
const QUIET_MS = 100;
/**
 * How long a connection stays open after the refusal of a body that still comes: closed at once,
 * the client may find its connection reset before it has read the answer.
 */
const LINGER_MS = 1000;
/** Requests that a client may send ahead of their answers. */
const MAX_PIPELINED = 64;
/** The share of the places from which on idle connections are closed. */
const CROWDED = 0.97;
const CLEAR_EVERY_MS = 100;
const WARN_EVERY_MS = 60_000;
/** How often connections are looked through for those beyond their time. */
const CHECK_EVERY_MS = 1000;

/** Binds the port, or rejects with `Deno.errors.AddrInUse` or a `BindError`. */
export async function startRestServer(
  app: RestApp,
  options: RestServerOptions,
): Promise<RestServer> {
  const server = new ListeningServer(app, options);
  try {
    await server.listen();
  } catch (error) {
    throw bindFailure(error, options);
  }
  return server;
}

class ListeningServer implements RestServer {
  readonly #app: RestApp;
  readonly #options: RestServerOptions;
  readonly #server: http.Server;
  /** The answer to the last request of each connection, and how many wait for their turn. */
  readonly #queues = new WeakMap<net.Socket, { last: http.ServerResponse; waiting: number }>();
  #connections = 0;
  #clearedAtMs = -Infinity;
  #warnedAtMs = -Infinity;
  #port = 0;
  #watch: ListenerWatch | undefined;
  #closed: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(app: RestApp, options: RestServerOptions) {
    this.#app = app;
    this.#options = options;
    this.#server = createServer(options);
    this.#server.on("request", (incoming, response) => this.#take(incoming, response));
    this.#server.on("checkContinue", (incoming, response) => {
      this.#take(incoming, response, { awaitsContinue: true });
    });
    // Otherwise it would be refused with an answer that is not ours (RFC 9110, section 10.1.1).
    this.#server.on("checkExpectation", (incoming, response) => this.#take(incoming, response));
    this.#server.on(options.tls === undefined ? "connection" : "secureConnection", (socket) => {
      this.#connected(socket);
    });
    // Without a listener an error would end the process; the watch sees what comes of it.
    this.#server.on("error", () => {});
  }

  get port(): number {
    return this.#port;
  }

  /** Binds the port, once. */
  async listen(): Promise<void> {
    const { host, port, clock } = this.#options;
    await this.#bind(port);
    const address = this.#server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : port;
    const onDeaf = (): void => void this.#listenAgain();
    this.#watch = new ListenerWatch(this.#server, { host, port: this.#port, clock, onDeaf });
  }

  #bind(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, host: this.#options.host }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  /** Connections that are open are served all the while. */
  async #listenAgain(): Promise<void> {
    this.#options.logger.error("REST cannot accept connections; it tries again.");
    try {
      // Not the method of the HTTP server, which closes idle connections too.
      net.Server.prototype.close.call(this.#server);
      await this.#bind(this.#port);
    } catch {
      // The watch finds it deaf again.
    }
  }

  async shutdown(): Promise<void> {
    this.#watch?.close();
    const closed = this.#close();
    this.#server.closeIdleConnections();
    // A connection whose body was refused, and never comes, would hold this up.
    await Promise.race([closed, this.#quiet()]);
    await this.abort();
  }

  async abort(): Promise<void> {
    this.#watch?.close();
    this.#timer?.cancel();
    this.#app.close();
    const closed = this.#close();
    this.#server.closeAllConnections();
    // What Deno 2.6 does not close ends with the process.
    await settlesWithin(closed, { ms: LINGER_MS, clock: this.#options.clock });
  }

  /** Listens no more; resolves when no connection is left. */
  #close(): Promise<void> {
    return this.#closed ??= new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /**
   * Pipelined requests are answered one after the other, as a client may rely on: a GET after a PUT
   * sees it. After an answer that ends the connection none is begun (RFC 9112, section 9.3.2, 9.6).
   * They cannot be kept from coming, so a client that sends too many ahead is cut off.
   */
  #take(
    incoming: http.IncomingMessage,
    response: http.ServerResponse,
    options?: { readonly awaitsContinue: boolean },
  ): void {
    const { socket } = incoming;
    const queue = this.#queues.get(socket);
    if (queue === undefined || queue.last.writableFinished) {
      this.#queues.set(socket, { last: response, waiting: 0 });
      return this.#answer(incoming, response, options);
    }
    if (queue.waiting === MAX_PIPELINED) return void socket.destroy();
    queue.waiting++;
    const { last } = queue;
    queue.last = response;
    last.once("close", () => {
      queue.waiting--;
      if (!socket.destroyed && !socket.writableEnded) this.#answer(incoming, response, options);
    });
  }

  /** Where nearly all places are taken, those who only hold one make room: probes must come through. */
  #connected(socket: net.Socket): void {
    const { clock, logger } = this.#options;
    this.#connections++;
    socket.once("close", () => this.#connections--);
    const { maxConnections } = this.#server;
    if (this.#connections < CROWDED * maxConnections) return;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#clearedAtMs + CLEAR_EVERY_MS) return;
    if (nowMs > this.#warnedAtMs + WARN_EVERY_MS) {
      this.#warnedAtMs = nowMs;
      logger.warn("REST has nearly as many connections as it may; idle ones are closed", {
        connections: this.#connections,
        most: maxConnections,
      });
    }
    this.#clearedAtMs = nowMs;
    this.#server.closeIdleConnections();
  }

  #answer(
    incoming: http.IncomingMessage,
    response: http.ServerResponse,
    { awaitsContinue }: { readonly awaitsContinue: boolean } = { awaitsContinue: false },
  ): void {
    let isAwaited = awaitsContinue;
    const request = new NodeRequest(incoming, {
      onRead: () => {
        if (isAwaited) response.writeContinue();
        isAwaited = false;
      },
    });
    const onUnread = (): void => {
      if (isAwaited) response.end();
      else this.#linger(incoming, response);
    };
    this.#app.answer(request)
      .then((answer) => sendAnswer(response, answer, { onUnread }))
      .catch(() => response.destroy());
  }

  #linger(incoming: http.IncomingMessage, response: http.ServerResponse): void {
    const timer = this.#options.clock.setTimer(() => response.end(), LINGER_MS);
    incoming.once("end", () => response.end());
    response.once("close", () => timer.cancel());
    incoming.resume();
  }

  /** Resolves when nothing has been in flight for a while. */
  async #quiet(): Promise<void> {
    do {
      await this.#app.idle();
      await new Promise<void>((resolve) => {
        this.#timer = this.#options.clock.setTimer(resolve, QUIET_MS);
      });
    } while (!this.#app.isIdle);
  }
}

function createServer(options: RestServerOptions): http.Server {
  const { tls, requestTimeoutMs, connectionLimits: limits = CONNECTION_LIMITS } = options;
  const settings = {
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: limits.headTimeoutMs,
    // Of a whole request; while a route waits for its body, the timeout of the route comes first.
    requestTimeout: limits.headTimeoutMs + requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, limits.headTimeoutMs),
  };
  const server = tls === undefined
    ? http.createServer(settings)
    : createTlsServer(tls, { ...settings, handshakeTimeout: limits.headTimeoutMs });
  server.maxConnections = limits.maxConnections;
  return server;
}

function createTlsServer(tls: TlsFiles, settings: https.ServerOptions): http.Server {
  const context = ({ certificatePem, keyPem }: TlsFiles["current"]) => ({
    cert: certificatePem,
    key: keyPem,
    minVersion: "TLSv1.2" as const,
  });
  const server = https.createServer({ ...settings, ...context(tls.current) });
  tls.onChange((pair) => server.setSecureContext(context(pair)));
  return server;
}

function bindFailure(error: unknown, { host, port }: RestServerOptions): Error {
  const what = `REST cannot listen on ${hostPort(host, port)}`;
  const reason = error instanceof Error ? error.message : String(error);
  // The first in Deno 2.6, the other since.
  if (error instanceof Deno.errors.AddrInUse || reason.includes("EADDRINUSE")) {
    return new Deno.errors.AddrInUse(`${what}: it is in use.`);
  }
  return new BindError(`${what}: ${reason}`, { cause: error });
}
