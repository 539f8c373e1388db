import type { Redis } from "ioredis";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { closeRedisClient } from "./redis_clients.ts";
import { isMaster } from "./redis_info.ts";

/** Between two looks; a name's new address may take many of them. */
const LOOK_INTERVAL_MS = 2000;
const LOOK_TIMEOUT_MS = 1500;

export interface RedisFailoverOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The connections of the pool. */
  connections(): readonly Redis[];
  /** Opens another connection to where a connection's address leads now. */
  open(connection: Redis): Redis;
}

/**
 * Follows a standalone Redis to its new master when the old one lives on as a replica: a connection
 * stays with the server that it was made to, while its name leads elsewhere by now. Until it does,
 * connections are left as they are, since a replica still answers reads.
 */
export class RedisFailover {
  readonly #options: RedisFailoverOptions;
  #lookedAtMs = -Infinity;
  /** Ends the look that is under way. */
  #giveUp: (() => void) | undefined;
  /** When the connection of the last look is closed. */
  #closed: Promise<void> | undefined;

  constructor(options: RedisFailoverOptions) {
    this.#options = options;
  }

  /** A server refused a write because it is a replica. Never rejects. */
  async demoted(connection: Redis): Promise<void> {
    const { clock, logger } = this.#options;
    const now = clock.monotonicMs();
    if (this.#giveUp !== undefined || now - this.#lookedAtMs < LOOK_INTERVAL_MS) return;
    this.#lookedAtMs = now;
    const scout = this.#options.open(connection);
    const found = this.#leadsToMaster(scout);
    this.#closed = found.then(() => closeRedisClient(scout, clock));
    if (!await found) return;
    logger.warn("redis has another master now; connecting to it");
    await Promise.all(this.#options.connections().map(leaveReplica));
  }

  /** Ends a look that is under way; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#lookedAtMs = Infinity;
    this.#giveUp?.();
    await this.#closed;
  }

  async #leadsToMaster(scout: Redis): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    // Not left to an event of the connection: closed between two attempts it emits none.
    const giveUp = (): void => resolve(false);
    this.#giveUp = giveUp;
    const timer = this.#options.clock.setTimer(giveUp, LOOK_TIMEOUT_MS);
    scout.on("error", () => {});
    scout.once("ready", () => {
      scout.info("replication").then((info) => resolve(isMaster(info)), giveUp);
    });
    const isFound = await promise;
    timer.cancel();
    this.#giveUp = undefined;
    return isFound;
  }
}

/** Connects anew where the server of a connection is a replica. */
async function leaveReplica(connection: Redis): Promise<void> {
  try {
    if (!isMaster(await connection.info("replication"))) connection.disconnect(true);
  } catch {
    // A connection that is lost connects anew by itself.
  }
}
