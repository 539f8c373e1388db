import { Command, type Redis } from "ioredis";
import type { Clock } from "../core/clock.ts";
import type { ChangeListener, Lease } from "../core/coherence.ts";
import type { Logger } from "../core/telemetry.ts";
import { addressOf } from "./redis_clients.ts";
import { redisErrorKind } from "./redis_errors.ts";
import { runIdOf } from "./redis_info.ts";
import {
  RedisSubscriber,
  type SubscriberSession,
  type SubscriberTimeouts,
} from "./redis_subscriber.ts";

/** For so long after the sending of a ping that was answered, nothing went unreported. */
const TRUST_MS = 2000;

/** How tracking stands: `refused` by a server that cannot or may not. */
export type TrackingStatus = "on" | "off" | "refused";

/**
 * Trust in what one data connection read: from the moment the server tracks its reads for a living
 * subscriber until either connection is lost. A process that was stopped wakes with clocks that say
 * so, because trust is judged by time when a copy is read.
 */
class Epoch implements Lease {
  readonly session: SubscriberSession;
  readonly #clock: Clock;
  /** Monotonic milliseconds of the sending of the data connection's last answered ping. */
  answeredAtMs: number;
  ended = false;
  replaced = false;

  constructor(
    session: SubscriberSession,
    options: { readonly clock: Clock; readonly answeredAtMs: number },
  ) {
    this.session = session;
    this.#clock = options.clock;
    this.answeredAtMs = options.answeredAtMs;
  }

  trusted(): boolean {
    if (this.ended) return false;
    const since = this.#clock.monotonicMs() - TRUST_MS;
    return this.answeredAtMs >= since && this.session.answeredAtMs >= since;
  }

  superseded(): boolean {
    return this.replaced;
  }
}

/** What is known of one data connection. */
interface Tracked {
  epoch: Epoch | undefined;
  /** The epoch before, whose copies serve while the store is away. */
  last: Epoch | undefined;
  starting: boolean;
  /** Counts the connection's streams, so that what one began does not end on the next. */
  era: number;
  readonly onClose: () => void;
  readonly onReady: () => void;
}

export interface RedisTrackingOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly keyPrefix: string;
  readonly listener: ChangeListener;
  /** Opens a RESP2 connection to the server of a data connection. */
  openSubscriber(data: Redis): Redis;
}

/**
 * Lets every data connection be tracked (`CLIENT TRACKING`, https://redis.io/docs/latest/commands/client-tracking/),
 * its invalidations redirected to one subscriber for each server.
 */
export class RedisTracking {
  readonly #options: RedisTrackingOptions;
  readonly #subscribers = new Map<string, RedisSubscriber>();
  readonly #tracked = new Map<Redis, Tracked>();
  readonly #refusal = Promise.withResolvers<void>();
  #refused = false;

  constructor(options: RedisTrackingOptions) {
    this.#options = options;
  }

  /** Resolves when a server refuses to track; never where none does. */
  get refusal(): Promise<void> {
    return this.#refusal.promise;
  }

  get status(): TrackingStatus {
    if (this.#refused) return "refused";
    for (const { epoch } of this.#tracked.values()) if (epoch?.trusted()) return "on";
    return "off";
  }

  /** What a command that is sent on the connection now may be remembered under. */
  leaseOf(connection: Redis): Lease | undefined {
    return this.#tracked.get(connection)?.epoch;
  }

  /** Starts, where it can, what is not tracked yet, and sees whether the subscribers live. */
  beat(connections: ReadonlySet<Redis>, timeouts: SubscriberTimeouts): void {
    if (this.#refused) return;
    for (const connection of connections) this.#follow(connection);
    for (const connection of this.#tracked.keys()) {
      if (!connections.has(connection)) this.#forget(connection);
    }
    const addresses = new Set(Array.from(connections, addressOf));
    for (const [address, subscriber] of this.#subscribers) {
      if (addresses.has(address)) subscriber.beat(timeouts);
      else {
        this.#subscribers.delete(address);
        subscriber.connection.disconnect();
      }
    }
  }

  /** A ping that was sent at `sentAtMs` (monotonic) was answered on a data connection. */
  answered(connection: Redis, sentAtMs: number): void {
    const epoch = this.#tracked.get(connection)?.epoch;
    if (epoch !== undefined && sentAtMs > epoch.answeredAtMs) epoch.answeredAtMs = sentAtMs;
  }

  /** Ends the trust in a connection; the next beat may begin it anew. */
  distrust(connection: Redis): void {
    const tracked = this.#tracked.get(connection);
    if (tracked?.epoch === undefined) return;
    tracked.epoch.ended = true;
    tracked.last = tracked.epoch;
    tracked.epoch = undefined;
  }

  /** The subscribers' connections, to be closed with the others. */
  connections(): Redis[] {
    return Array.from(this.#subscribers.values(), ({ connection }) => connection);
  }

  #follow(connection: Redis): void {
    if (this.#refused) return;
    let tracked = this.#tracked.get(connection);
    if (tracked === undefined) {
      tracked = {
        epoch: undefined,
        last: undefined,
        starting: false,
        era: 0,
        onClose: () => this.#lost(connection),
        onReady: () => this.#follow(connection),
      };
      this.#tracked.set(connection, tracked);
      connection.on("close", tracked.onClose).on("ready", tracked.onReady);
    }
    const session = this.#subscriberFor(connection).session;
    if (connection.status !== "ready" || session === undefined) return;
    if (tracked.epoch === undefined && !tracked.starting) {
      void this.#start(connection, { tracked, session });
    }
  }

  #subscriberFor(connection: Redis): RedisSubscriber {
    const address = addressOf(connection);
    const present = this.#subscribers.get(address);
    if (present !== undefined) return present;
    const { clock, keyPrefix, listener } = this.#options;
    const subscriber = new RedisSubscriber(this.#options.openSubscriber(connection), {
      clock,
      keyPrefix,
      listener,
      onSession: (session) => this.#sessionChanged(address, session),
      onFailure: (error) => this.#failed(error),
    });
    this.#subscribers.set(address, subscriber);
    return subscriber;
  }

  #sessionChanged(address: string, session: SubscriberSession | undefined): void {
    for (const connection of this.#tracked.keys()) {
      if (addressOf(connection) !== address) continue;
      this.distrust(connection);
      if (session !== undefined) this.#follow(connection);
    }
  }

  /**
   * Begins an epoch when the server tracks the connection for the session's subscriber, and both
   * are connected to the same server process: an id names another client on another server, and
   * Redis takes a stranger's id without a word.
   */
  async #start(
    connection: Redis,
    { tracked, session }: { readonly tracked: Tracked; readonly session: SubscriberSession },
  ): Promise<void> {
    const { clock } = this.#options;
    const { era } = tracked;
    const address = addressOf(connection);
    const isCurrent = (): boolean =>
      era === tracked.era && this.#subscribers.get(address)?.session === session;
    const answeredAtMs = clock.monotonicMs();
    tracked.starting = true;
    try {
      const tracking = ["tracking", "on", "redirect", String(session.id), "noloop"];
      const [, info] = await Promise.all([
        connection.sendCommand(new Command("client", tracking)),
        connection.sendCommand(new Command("info", ["server"], { replyEncoding: "utf8" })),
      ]);
      if (!isCurrent()) return;
      if (runIdOf(String(info)) !== session.runId) {
        this.#moveSubscriber(address);
        return;
      }
      if (tracked.last !== undefined) tracked.last.replaced = true;
      tracked.last = undefined;
      tracked.epoch = new Epoch(session, { clock, answeredAtMs });
    } catch (error) {
      if (isStranger(error) && isCurrent()) this.#moveSubscriber(address);
      this.#failed(error);
    } finally {
      tracked.starting = false;
    }
  }

  /** Its address leads to another server now, where the data connection is already. */
  #moveSubscriber(address: string): void {
    this.#subscribers.get(address)?.connection.disconnect(true);
  }

  /** Whether it may go better another time. */
  #failed(error: unknown): boolean {
    if (!isRefusal(error) || this.#refused) return !this.#refused;
    this.#refused = true;
    this.#refusal.resolve();
    this.#options.logger.warn("Redis refuses to track: the near cache serves outages only", {
      error,
    });
    for (const { connection } of this.#subscribers.values()) connection.disconnect();
    return false;
  }

  #lost(connection: Redis): void {
    const tracked = this.#tracked.get(connection);
    if (tracked === undefined) return;
    tracked.era++;
    this.distrust(connection);
  }

  #forget(connection: Redis): void {
    const tracked = this.#tracked.get(connection);
    if (tracked === undefined) return;
    this.#lost(connection);
    if (tracked.last !== undefined) tracked.last.replaced = true;
    this.#tracked.delete(connection);
    // The connection to a master that became a replica lives on, and may come back.
    connection.off("close", tracked.onClose).off("ready", tracked.onReady);
  }
}

/** Whether the server has no client of the id to which it should redirect. */
function isStranger(error: unknown): boolean {
  return error instanceof Error && /^ERR The client ID .* does not exist/.test(error.message);
}

/** Whether the server does not know the command (before Redis 6) or forbids it, for good. */
function isRefusal(error: unknown): boolean {
  return redisErrorKind(error) === "NOPERM" ||
    error instanceof Error && /^ERR unknown/i.test(error.message);
}
