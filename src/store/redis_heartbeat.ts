import { Command, type Redis } from "ioredis";
import type { Clock, Timer } from "../core/clock.ts";
import type { ConnectionStatus } from "../core/store.ts";
import type { Logger } from "../core/telemetry.ts";
import type { Breaker } from "./breaker.ts";
import { addressOf, mastersOf, type RedisClient } from "./redis_clients.ts";
import type { RedisRouter } from "./redis_router.ts";
import type { RedisTime } from "./redis_time.ts";
import type { RedisTracking } from "./redis_tracking.ts";

const PING_INTERVAL_MS = 500;
const PING_TIMEOUT_MS = 1500;

/** What is known of one connection. */
interface Pulse {
  readonly router: RedisRouter;
  /** Monotonic milliseconds of the sending of the last ping that was answered. */
  answeredAtMs: number;
  /** Monotonic milliseconds since which the connection has not been ready. */
  waitingSinceMs: number;
  pinging: boolean;
}

/** One client of the pool and the finder of its connections. */
export interface PooledClient {
  readonly client: RedisClient;
  readonly router: RedisRouter;
}

export interface HeartbeatOptions {
  readonly clients: readonly PooledClient[];
  readonly isCluster: boolean;
  readonly keyPrefix: string;
  readonly time: RedisTime;
  /** Where the near cache is on. */
  readonly tracking: RedisTracking | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dialTimeoutMs: number;
  breakerOf(connection: Redis): Breaker;
}

/**
 * Pings every connection twice a second. The answers give Redis time and the status, let breakers try
 * again and prolong the trust in near copies. A connection that does not answer is destroyed, so that
 * the client opens another.
 */
export class RedisHeartbeat {
  readonly #options: HeartbeatOptions;
  readonly #clock: Clock;
  readonly #pulses = new Map<Redis, Pulse>();
  #status: ConnectionStatus = "connecting";
  #timer: Timer | undefined;
  /** Monotonic milliseconds after which the first attempts have failed. */
  readonly #givenUpAtMs: number;
  readonly #allReady = Promise.withResolvers<void>();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#givenUpAtMs = options.clock.monotonicMs() + PING_TIMEOUT_MS;
    for (const { client } of options.clients) {
      // At a connection's start, so that the first request need not wait for the next round.
      client.on("ready", () => this.#beat());
      client.on("+node", (node: Redis) => {
        node.on("ready", () => this.#beat());
        // At once: a client that has just learnt of its nodes is ready, and says so only later.
        this.#beat();
      });
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
    for (const { client, router } of this.#options.clients) {
      for (const connection of mastersOf(client)) {
        present.add(connection);
        nodes.add(addressOf(connection));
        this.#examine(connection, router);
      }
    }
    for (const connection of this.#pulses.keys()) {
      if (!present.has(connection)) this.#pulses.delete(connection);
    }
    if (nodes.size > 0) this.#options.time.keepOnly(nodes);
    this.#options.tracking?.beat(present, {
      pingTimeoutMs: PING_TIMEOUT_MS,
      sessionTimeoutMs: this.#options.dialTimeoutMs + PING_TIMEOUT_MS,
    });
    this.#judge();
  }

  #examine(connection: Redis, router: RedisRouter): void {
    const now = this.#clock.monotonicMs();
    let pulse = this.#pulses.get(connection);
    if (pulse === undefined) {
      pulse = { router, answeredAtMs: -Infinity, waitingSinceMs: now, pinging: false };
      this.#pulses.set(connection, pulse);
    }
    if (connection.status === "ready") {
      pulse.waitingSinceMs = now;
      if (!pulse.pinging) this.#ping(connection, pulse);
    } else if (now - pulse.waitingSinceMs > this.#options.dialTimeoutMs + PING_TIMEOUT_MS) {
      // The dial timeout ends with the TCP handshake; a server that accepts and says nothing more
      // would hold the client for ever.
      pulse.waitingSinceMs = now;
      if (connection.status === "connect") connection.disconnect(true);
    }
  }

  #ping(connection: Redis, pulse: Pulse): void {
    const { time, tracking, breakerOf } = this.#options;
    const sentAtMs = this.#clock.monotonicMs();
    pulse.pinging = true;
    const timer = this.#clock.setTimer(() => connection.disconnect(true), PING_TIMEOUT_MS);
    const settle = (): void => {
      timer.cancel();
      pulse.pinging = false;
      this.#judge();
    };
    const asked = connection.time().then(([seconds, microseconds]) => {
      const timeMs = Number(seconds) * 1000 + Number(microseconds) / 1000;
      time.learn(addressOf(connection), { timeMs, sentAtMs });
    });
    Promise.all([asked, this.#readKey(connection, pulse.router)]).then(() => {
      pulse.answeredAtMs = sentAtMs;
      tracking?.answered(connection, sentAtMs);
      breakerOf(connection).probeAnswered(sentAtMs);
      settle();
    }, () => {
      // An answer that is an error, such as MOVED or LOADING, is none to trust in.
      tracking?.distrust(connection);
      settle();
    });
  }

  /** In a Cluster a node that has lost its slots, or the Cluster, still answers TIME. */
  #readKey(connection: Redis, router: RedisRouter): Promise<unknown> | undefined {
    if (!this.#options.isCluster) return undefined;
    const key = router.keyOn(connection, `${this.#options.keyPrefix}ping:`);
    if (key === undefined) return undefined;
    return Promise.resolve(connection.sendCommand(new Command("exists", [key])));
  }

  #judge(): void {
    const { clients, logger } = this.#options;
    const answering = new Set<string>();
    const silent = new Set<string>();
    const since = this.#clock.monotonicMs() - PING_INTERVAL_MS - PING_TIMEOUT_MS;
    for (const [connection, pulse] of this.#pulses) {
      const answers = connection.status === "ready" && pulse.answeredAtMs >= since;
      (answers ? answering : silent).add(addressOf(connection));
    }
    // Before a Cluster's client is ready it knows no more masters than it was told of.
    const ready = clients.filter(({ client }) => client.status === "ready").length;
    const connected = ready > 0 && answering.size > 0 && silent.isSubsetOf(answering);
    const isWhole = connected && silent.size === 0 && ready === clients.length;
    if (isWhole) this.#allReady.resolve();
    if (connected && this.#status !== "connected") {
      this.#status = "connected";
      logger.info("redis connected", { nodes: answering.size });
    } else if (!connected && this.#status === "connected") {
      this.#status = "disconnected";
      logger.warn("redis connection lost", { nodes_answering: answering.size });
    } else if (this.#status === "connecting" && this.#clock.monotonicMs() > this.#givenUpAtMs) {
      this.#status = "disconnected";
      logger.warn("redis cannot be reached", { nodes_answering: answering.size });
    }
  }
}
