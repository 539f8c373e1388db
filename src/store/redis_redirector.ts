import { Cluster, type Redis } from "ioredis";
import type { FailureLog } from "./failure_log.ts";
import { addressOf, openBeside, type RedisClient } from "./redis_clients.ts";
import { redisErrorKind } from "./redis_errors.ts";
import type { RedisRouter } from "./redis_router.ts";

/** Slots move to one new master at a time, or to few. */
const MAX_CONNECTIONS = 16;

export interface RedisRedirectorParts {
  readonly client: RedisClient;
  readonly router: RedisRouter;
  readonly failures: FailureLog;
}

/**
 * Leads to where redirections (MOVED, ASK) point. While its first slot moves to a new master, the
 * Cluster's map does not name that yet: until it does, a connection beside the client's leads there.
 */
export class RedisRedirector {
  readonly #parts: RedisRedirectorParts;
  /** Connections beside the client's, by address. */
  readonly #beside = new Map<string, Redis>();
  /** Attempts to connect that are waited for, and whether they succeed. */
  readonly #attempts = new Map<Redis, Promise<boolean>>();

  constructor(parts: RedisRedirectorParts) {
    this.#parts = parts;
    parts.client.on("+node", (node: Redis) => this.#replace(node));
  }

  /** Those that do not close with the client. */
  connections(): Redis[] {
    return [...this.#beside.values()];
  }

  /** A connection that serves, to where `error` points, which `from` answered; nothing without one. */
  async target(error: unknown, from: Redis): Promise<Redis | undefined> {
    const { router } = this.#parts;
    const address = addressIn(error);
    // An ASK leaves the map as it is.
    const refreshed = redisErrorKind(error) === "MOVED" ? router.refresh() : undefined;
    let target = router.connectionTo(address);
    if (target === undefined) {
      await refreshed;
      target = router.connectionTo(address) ?? this.#open(address, from);
    }
    return target !== undefined && await this.#serves(target) ? target : undefined;
  }

  #open(address: string, from: Redis): Redis | undefined {
    const present = this.#beside.get(address);
    if (present !== undefined) return present;
    const { client, failures } = this.#parts;
    const isOpen = client instanceof Cluster && client.status === "ready";
    if (!isOpen || this.#beside.size >= MAX_CONNECTIONS) return undefined;
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, Math.max(0, colon));
    if (host === "") return undefined;
    const connection = openBeside(from, { host, port: Number(address.slice(colon + 1)) });
    this.#beside.set(address, connection);
    connection.on("error", (error: unknown) => failures.tell("a redis connection failed", error));
    connection.on("end", () => this.#beside.delete(address));
    return connection;
  }

  /** Whether the connection is ready, or comes to be by the attempt that is under way. */
  #serves(connection: Redis): boolean | Promise<boolean> {
    if (connection.status === "ready") return true;
    if (connection.status !== "connecting" && connection.status !== "connect") return false;
    const present = this.#attempts.get(connection);
    if (present !== undefined) return present;
    const attempt = new Promise<boolean>((resolve) => {
      const settle = (): void => {
        for (const event of OUTCOMES) connection.off(event, settle);
        this.#attempts.delete(connection);
        resolve(connection.status === "ready");
      };
      for (const event of OUTCOMES) connection.on(event, settle);
    });
    this.#attempts.set(connection, attempt);
    return attempt;
  }

  /** Leaves a connection once the client's own to the same server can be used. */
  #replace(node: Redis): void {
    const connection = this.#beside.get(addressOf(node));
    if (connection === undefined) return;
    node.once("ready", () => void connection.quit().catch(() => connection.disconnect()));
  }
}

/** How an attempt to connect ends. */
const OUTCOMES = ["ready", "close", "end"];

/** The third word of `MOVED 3999 127.0.0.1:6381` or `ASK 3999 127.0.0.1:6381`. */
function addressIn(error: unknown): string {
  return error instanceof Error ? error.message.split(" ")[2] ?? "" : "";
}
