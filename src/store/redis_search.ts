import { Cluster, type Redis } from "ioredis";
import type { Clock, Timer } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { addressOf, closeRedisClient, type RedisClient } from "./redis_clients.ts";

/** Between two looks; a Cluster that is lost at two of them is searched for. */
const LOOK_INTERVAL_MS = 2000;

export interface RedisSearchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly clients: readonly RedisClient[];
  /** Opens another client, from the addresses that were given. */
  open(): RedisClient | undefined;
}

/**
 * Finds a Cluster all of whose nodes have come back at other addresses, of which a client would never
 * hear: it asks only the nodes that it knows. Until the Cluster is found the clients are left as they
 * are, since copies that are served meanwhile were read on their connections.
 */
export class RedisSearch {
  readonly #options: RedisSearchOptions;
  #wasLost = false;
  #scout: RedisClient | undefined;
  #closing: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(options: RedisSearchOptions) {
    this.#options = options;
    this.#wait();
  }

  /** Resolves when nothing of a search is left. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#leaveScout();
    await this.#closing;
  }

  #wait(): void {
    this.#timer = this.#options.clock.setTimer(() => {
      this.#look();
      this.#wait();
    }, LOOK_INTERVAL_MS);
  }

  #look(): void {
    const lost = this.#options.clients.filter(isLost);
    const found = this.#scout === undefined ? [] : addressesOf(this.#scout);
    if (found.length > 0) {
      const moved = lost.filter((client) => !addressesOf(client).some((at) => found.includes(at)));
      if (moved.length > 0) {
        this.#options.logger.warn("the redis cluster has other addresses now; connecting to them");
      }
      for (const client of moved) client.disconnect(true);
    }
    if (found.length > 0 || lost.length === 0) this.#leaveScout();
    else if (this.#wasLost) this.#scout ??= this.#options.open();
    this.#wasLost = lost.length > 0;
  }

  #leaveScout(): void {
    if (this.#scout === undefined) return;
    this.#closing = closeRedisClient(this.#scout, this.#options.clock);
    this.#scout = undefined;
  }
}

/** Whether a client knows of nodes and reaches none of them. */
function isLost(client: RedisClient): boolean {
  const nodes = nodesOf(client);
  return nodes.length > 0 && nodes.every(({ status }) => status !== "ready");
}

/** Those that the Cluster itself has named. */
function addressesOf(client: RedisClient): string[] {
  return nodesOf(client).map(addressOf);
}

function nodesOf(client: RedisClient): Redis[] {
  return client instanceof Cluster && client.status === "ready" ? client.nodes("all") : [];
}
