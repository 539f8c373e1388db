import type { Redis } from "ioredis";
import type { Clock, Timer } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
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
  #scout: Redis | undefined;
  #timer: Timer | undefined;

  constructor(options: RedisFailoverOptions) {
    this.#options = options;
  }

  /** A server refused a write because it is a replica. Never rejects. */
  async demoted(connection: Redis): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    if (this.#scout !== undefined || now - this.#lookedAtMs < LOOK_INTERVAL_MS) return;
    this.#lookedAtMs = now;
    if (!await this.#leadsToMaster(connection)) return;
    this.#options.logger.warn("redis has another master now; connecting to it");
    await Promise.all(this.#options.connections().map(leaveReplica));
  }

  stop(): void {
    this.#lookedAtMs = Infinity;
    this.#timer?.cancel();
    this.#scout?.disconnect();
  }

  async #leadsToMaster(connection: Redis): Promise<boolean> {
    const scout = this.#options.open(connection);
    this.#scout = scout;
    this.#timer = this.#options.clock.setTimer(() => scout.disconnect(), LOOK_TIMEOUT_MS);
    try {
      scout.on("error", () => {});
      await new Promise<void>((resolve, reject) => {
        scout.once("ready", () => resolve());
        scout.once("end", () => reject(new Error("The look for a new master took too long.")));
      });
      return isMaster(await scout.info("replication"));
    } catch {
      return false;
    } finally {
      this.#timer.cancel();
      this.#scout = undefined;
      scout.disconnect();
    }
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
