import type { Redis } from "ioredis";
import type { ChangeListener } from "../core/coherence.ts";
import type { Clock } from "../core/clock.ts";
import { runIdOf } from "./redis_info.ts";

/** Where Redis sends what tracked keys changed (https://redis.io/docs/latest/develop/reference/client-side-caching/). */
const INVALIDATION_CHANNEL = "__redis__:invalidate";

/** One connection of the subscriber, from its subscription to its end. */
export interface SubscriberSession {
  /** The connection's id at the server, to which others redirect their invalidations. */
  readonly id: number;
  /** Which server process it is connected to. */
  readonly runId: string;
  /** Monotonic milliseconds of the sending of the last ping that was answered. */
  answeredAtMs: number;
}

/** How long a server may keep the subscriber waiting. */
export interface SubscriberTimeouts {
  readonly pingTimeoutMs: number;
  /** From a connection's acceptance to the beginning of its session. */
  readonly sessionTimeoutMs: number;
}

/**
 * Receives from one server which tracked keys have changed, on a connection of its own that speaks
 * RESP2: the client drops the invalidations of RESP3.
 */
export class RedisSubscriber {
  readonly #connection: Redis;
  readonly #clock: Clock;
  readonly #keyPrefix: string;
  readonly #listener: ChangeListener;
  readonly #onSession: (session: SubscriberSession | undefined) => void;
  #session: SubscriberSession | undefined;
  /** Counts connections, so that what one began does not end on the next. */
  #era = 0;
  /** Monotonic milliseconds at which the server accepted the connection; Infinity without one. */
  #connectedAtMs = Infinity;
  #pinging = false;

  /** `onSession` hears of each session's beginning, and of its end. */
  constructor(connection: Redis, options: {
    readonly clock: Clock;
    readonly keyPrefix: string;
    readonly listener: ChangeListener;
    readonly onSession: (session: SubscriberSession | undefined) => void;
    /** Told why a new connection could not subscribe; whether to try another. */
    readonly onFailure: (error: unknown) => boolean;
  }) {
    this.#connection = connection;
    this.#clock = options.clock;
    this.#keyPrefix = options.keyPrefix;
    this.#listener = options.listener;
    this.#onSession = options.onSession;
    connection.on("error", () => {});
    connection.on("connect", () => {
      this.#connectedAtMs = this.#clock.monotonicMs();
    });
    connection.on("ready", () =>
      void this.#begin().catch((error) => {
        connection.disconnect(options.onFailure(error));
      }));
    connection.on("close", () => this.#end());
    connection.on("messageBuffer", (_channel: unknown, keys: unknown) => this.#received(keys));
  }

  get session(): SubscriberSession | undefined {
    return this.#session;
  }

  get connection(): Redis {
    return this.#connection;
  }

  /** Pings the server; one that does not answer in time, or begins no session, loses the connection. */
  beat({ pingTimeoutMs, sessionTimeoutMs }: SubscriberTimeouts): void {
    if (this.#session !== undefined) this.#ping(this.#session, pingTimeoutMs);
    else if (this.#clock.monotonicMs() - this.#connectedAtMs > sessionTimeoutMs) {
      // The dial timeout ends with the handshake of TCP or TLS, and the client waits for ever for
      // what comes after it.
      this.#connectedAtMs = Infinity;
      this.#connection.disconnect(true);
    }
  }

  #ping(session: SubscriberSession, timeoutMs: number): void {
    if (this.#pinging) return;
    this.#pinging = true;
    const sentAtMs = this.#clock.monotonicMs();
    const timer = this.#clock.setTimer(() => this.#connection.disconnect(true), timeoutMs);
    const settle = (): void => {
      timer.cancel();
      this.#pinging = false;
    };
    this.#connection.ping().then(() => {
      settle();
      session.answeredAtMs = sentAtMs;
    }, settle);
  }

  async #begin(): Promise<void> {
    const era = this.#era;
    const sentAtMs = this.#clock.monotonicMs();
    const [id, info] = await Promise.all([
      this.#connection.client("ID"),
      this.#connection.info("server"),
    ]);
    await this.#connection.subscribe(INVALIDATION_CHANNEL);
    if (era !== this.#era) return;
    this.#session = { id, runId: runIdOf(info), answeredAtMs: sentAtMs };
    this.#onSession(this.#session);
  }

  #end(): void {
    this.#era++;
    this.#connectedAtMs = Infinity;
    if (this.#session === undefined) return;
    this.#session = undefined;
    this.#onSession(undefined);
  }

  /** A list of keys, or null when the whole database was emptied. */
  #received(keys: unknown): void {
    if (!Array.isArray(keys)) return this.#listener.allChanged();
    for (const key of keys) {
      const name = String(key);
      if (name.startsWith(this.#keyPrefix)) {
        this.#listener.changed(name.slice(this.#keyPrefix.length));
      }
    }
  }
}
