import net from "node:net";
import tls from "node:tls";
import { type ISocketFactory, Kafka, type KafkaConfig, type logCreator, logLevel } from "kafkajs";
// @ts-types="./kafkajs_request_queue.d.ts"
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import type { Secret } from "../core/secret.ts";
import type { Logger } from "../core/telemetry.ts";

/** After this time without an answer a request has failed; also how long connecting may take. */
export const REQUEST_TIMEOUT_MS = 5_000;

/** kafkajs rides out an election of leaders by itself and then gives up: `KafkaLink` goes on. */
export const CLIENT_RETRY = {
  retries: 4,
  initialRetryTime: 100,
  maxRetryTime: 1_000,
} as const;

const KEEP_ALIVE_MS = 60_000;

/** How to reach the brokers. */
export interface KafkaAccess {
  /** `host:port` of some brokers, which name the others. */
  readonly urls: readonly string[];
  /** With `password`: SASL PLAIN. */
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
  /** TLS; `ca` is the PEM of a private certificate authority. */
  readonly tls?: { readonly ca?: string | undefined } | undefined;
}

// kafkajs looks every millisecond, for ever and on every connection, whether a throttled request may
// go out, and asks for it with a negative timeout, of which Node and Deno warn (tulios/kafkajs#1751).
// It is needed while one waits.
const queue = RequestQueue.prototype;
const scheduleCheck = queue.scheduleCheckPendingRequests;
queue.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) scheduleCheck.call(this);
};

/** A kafkajs client whose connections can be ended for certain: kafkajs itself leaves some open. */
export class KafkaClient {
  readonly kafka: Kafka;
  readonly #sockets = new Set<net.Socket>();
  #isClosed = false;

  constructor(access: KafkaAccess, logger: Logger) {
    this.kafka = new Kafka({
      ...credentials(access),
      brokers: [...access.urls],
      clientId: "cache-service",
      connectionTimeout: REQUEST_TIMEOUT_MS,
      authenticationTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retry: CLIENT_RETRY,
      logLevel: logLevel.WARN,
      logCreator: logTo(logger),
      socketFactory: (target) => this.#connect(target),
    });
  }

  /** Ends all connections now; what waits for an answer fails. Later ones are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#sockets].map((socket) => {
      const closed = new Promise((resolve) => socket.once("close", resolve));
      // The error is what makes kafkajs fail its waiting requests and stop its timers.
      socket.destroy(new Error("The client was closed."));
      return closed;
    }));
  }

  #connect({ host, port, ssl, onConnect }: Parameters<ISocketFactory>[0]): net.Socket {
    if (this.#isClosed) throw new Error("The client was closed.");
    const name = net.isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl
      ? tls.connect({ host, port, ...name, ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return socket;
  }
}

function credentials(
  { username, password, tls: secured }: KafkaAccess,
): Pick<KafkaConfig, "sasl" | "ssl"> {
  return {
    ...(username !== undefined && password !== undefined
      ? { sasl: { mechanism: "plain", username, password: password.reveal() } }
      : {}),
    ...(secured === undefined ? {} : { ssl: secured.ca === undefined ? {} : { ca: secured.ca } }),
  };
}

/** kafkajs tells of the same failure several times; `KafkaLink` says it once, at warn. */
function logTo(logger: Logger): logCreator {
  return () => ({ namespace, log }) =>
    logger.debug("kafkajs", { part: namespace, said: log.message });
}
