import type { Redis } from "ioredis";
import type { Clock, Timer } from "../core/clock.ts";
import type { ConnectionStatus } from "../core/store.ts";
import type { Logger } from "../core/telemetry.ts";
import { addressOf, mastersOf, type RedisClient } from "./redis_clients.ts";
import type { RedisTime } from "./redis_time.ts";

const PING_INTERVAL_MS = 500;
const PING_TIMEOUT_MS = 1500;

/** What is known of one connection. */
interface Pulse {
  /** Monotonic milliseconds of the sending of the last `TIME` that was answered. */
  answeredAtMs: number;
  /** Monotonic milliseconds since which the connection has not been ready. */
  waitingSinceMs: number;
  pinging: boolean;
}

/**
 * Asks every connection for the time twice a second. The answers give Redis time and the status; a
 * connection that does not answer is destroyed, so that the client opens another.
 */
export class RedisHeartbeat {
  readonly #clients: readonly RedisClient[];
  readonly #time: RedisTime;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #dialTimeoutMs: number;
  readonly #pulses = new Map<Redis, Pulse>();
  #status: ConnectionStatus = "connecting";
  #timer: Timer | undefined;
  readonly #allReady = Promise.withResolvers<void>();

  constructor(options: {
    readonly clients: readonly RedisClient[];
    readonly time: RedisTime;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly dialTimeoutMs: number;
  }) {
    this.#clients = options.clients;
    this.#time = options.time;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#dialTimeoutMs = options.dialTimeoutMs;
    for (const client of this.#clients) {
      // At a connection's start, so that the first request need not wait for the next round.
      client.on("ready", () => this.#beat());
      client.on("+node", (node: Redis) => node.on("ready", () => this.#beat()));
    }
    this.#round();
  }

  /** `connected` when every master answered its last ping on some connection. */
  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Resolves when all connections served for the first time, or at `stop`. */
  get allReady(): Promise<void> {
    return this.#allReady.promise;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#allReady.resolve();
  }

  #round(): void {
    this.#beat();
    this.#timer = this.#clock.setTimer(() => this.#round(), PING_INTERVAL_MS);
  }

  #beat(): void {
    const present = new Set<Redis>();
    const nodes = new Set<string>();
    for (const client of this.#clients) {
      for (const connection of mastersOf(client)) {
        present.add(connection);
        nodes.add(addressOf(connection));
        this.#examine(connection);
      }
    }
    for (const connection of this.#pulses.keys()) {
      if (!present.has(connection)) this.#pulses.delete(connection);
    }
    if (nodes.size > 0) this.#time.keepOnly(nodes);
    this.#judge();
  }

  #examine(connection: Redis): void {
    const now = this.#clock.monotonicMs();
    let pulse = this.#pulses.get(connection);
    if (pulse === undefined) {
      pulse = { answeredAtMs: -Infinity, waitingSinceMs: now, pinging: false };
      this.#pulses.set(connection, pulse);
    }
    if (connection.status === "ready") {
      pulse.waitingSinceMs = now;
      if (!pulse.pinging) this.#ping(connection, pulse);
    } else if (now - pulse.waitingSinceMs > this.#dialTimeoutMs + PING_TIMEOUT_MS) {
      // The dial timeout ends with the TCP handshake; a server that accepts and says nothing more
      // would hold the client for ever.
      pulse.waitingSinceMs = now;
      if (connection.status === "connect") connection.disconnect(true);
    }
  }

  #ping(connection: Redis, pulse: Pulse): void {
    const sentAtMs = this.#clock.monotonicMs();
    pulse.pinging = true;
    const timer = this.#clock.setTimer(() => connection.disconnect(true), PING_TIMEOUT_MS);
    const settle = () => {
      timer.cancel();
      pulse.pinging = false;
      this.#judge();
    };
    connection.time().then(([seconds, microseconds]) => {
      pulse.answeredAtMs = sentAtMs;
      const timeMs = Number(seconds) * 1000 + Number(microseconds) / 1000;
      this.#time.learn(addressOf(connection), { timeMs, sentAtMs });
      settle();
    }, settle);
  }

  #judge(): void {
    const answering = new Set<string>();
    const silent = new Set<string>();
    const since = this.#clock.monotonicMs() - PING_INTERVAL_MS - PING_TIMEOUT_MS;
    for (const [connection, pulse] of this.#pulses) {
      const answers = connection.status === "ready" && pulse.answeredAtMs >= since;
      (answers ? answering : silent).add(addressOf(connection));
    }
    const connected = answering.size > 0 && silent.isSubsetOf(answering);
    if (connected && this.#clients.every((client) => client.status === "ready")) {
      this.#allReady.resolve();
    }
    if (connected && this.#status !== "connected") {
      this.#status = "connected";
      this.#logger.info("redis connected", { nodes: answering.size });
    } else if (!connected && this.#status === "connected") {
      this.#status = "disconnected";
      this.#logger.warn("redis connection lost", { nodes_answering: answering.size });
    }
  }
}
