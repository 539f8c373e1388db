import { Backoff } from "../core/backoff.ts";
import type {
  EventHandler,
  EventHeaders,
  InvalidationBus,
  InvalidationEvent,
  Subscription,
} from "../core/bus.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { Secret } from "../core/secret.ts";
import type { ConnectionStatus } from "../core/store.ts";
import type { Logger, Meter } from "../core/telemetry.ts";
import { brokerUnavailable } from "./broker_unavailable.ts";
import { encodeEvent, type EventLimits } from "./codec.ts";
import { QuietLog } from "./quiet_log.ts";
import { type RabbitmqAddress, rabbitmqAddress } from "./rabbitmq_address.ts";
import { RabbitmqSession } from "./rabbitmq_session.ts";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const MAX_REASON_LENGTH = 500;

export interface RabbitmqBusOptions {
  /** `amqp://` or `amqps://`, at least one; they are tried in turn. */
  readonly urls: readonly string[];
  /** Instead of those in the URLs; guest and guest where there are none. */
  readonly username?: string;
  readonly password?: Secret;
  /** Uses TLS with `amqp://` as well. */
  readonly tls?: boolean;
  /** The authority (PEM) to trust instead of the public ones. */
  readonly ca?: string;
  /** Of the exchange. */
  readonly topic: string;
  /** Of the subscription that replicas share. */
  readonly groupId: string;
  readonly limits: EventLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly meter: Meter;
}

/**
 * Invalidation events over RabbitMQ. The durable fanout exchange `topic` feeds the durable queue
 * `topic.groupId`, of which one replica at a time consumes, and an exclusive queue for each private
 * subscription, which is new and empty after each loss of the connection. Dead letters go to
 * `topic.dead`. The shared queue exists, and collects events, from the first subscription ever.
 */
export class RabbitmqBus implements InvalidationBus {
  readonly #options: RabbitmqBusOptions;
  readonly #addresses: readonly RabbitmqAddress[];
  readonly #log: QuietLog;
  readonly #backoff: Backoff;
  readonly #subscriptions = new Map<Subscription, EventHandler>();
  readonly #running: Promise<void>;
  #status: ConnectionStatus = "connecting";
  #session: RabbitmqSession | undefined;
  #isClosed = false;
  /** Ends what `#run` is waiting for when there is no session. */
  #interrupt: () => void = () => {};

  /** Connects in the background. Throws a TypeError for a URL that is none. */
  constructor(options: RabbitmqBusOptions) {
    const { urls, random, tls = false } = options;
    if (urls.length === 0) throw new TypeError("cannot connect to RabbitMQ: no URL is given");
    this.#options = options;
    this.#addresses = urls.map((url) => rabbitmqAddress(url, { ...options, tls }));
    this.#log = new QuietLog(options);
    this.#backoff = new Backoff({ random, firstMs: FIRST_PAUSE_MS, longestMs: LONGEST_PAUSE_MS });
    this.#running = this.#run();
  }

  status(): ConnectionStatus {
    return this.#status;
  }

  subscribe(subscription: Subscription, handler: EventHandler): void {
    this.#subscriptions.set(subscription, handler);
    const session = this.#session;
    if (session === undefined) return;
    this.#consume(session, subscription, handler).catch((error) => session.fail(error));
  }

  /** Of all subscriptions of the group the shared one sees every message once: it buries the dead. */
  #consume(
    session: RabbitmqSession,
    subscription: Subscription,
    handler: EventHandler,
  ): Promise<void> {
    const buries = subscription === "shared" || !this.#subscriptions.has("shared");
    return session.consume(subscription, { handler, buries });
  }

  async publish(event: InvalidationEvent, headers: EventHeaders = {}): Promise<void> {
    if (this.#session === undefined) throw brokerUnavailable("The broker is not connected.");
    await this.#session.publish(encodeEvent(event), headers);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#session === undefined) this.#interrupt();
    else await this.#session.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      for (const address of this.#addresses) {
        const reason = await this.#attend(address);
        if (this.#isClosed) return;
        this.#log.warn("The connection to RabbitMQ failed.", {
          broker: address.label,
          reason: textOf(reason),
        });
        await this.#pause(this.#backoff.nextMs());
        if (this.#isClosed) return;
      }
    }
  }

  /** Connects and stays until the connection fails or the bus is closed; gives the reason. */
  async #attend(address: RabbitmqAddress): Promise<unknown> {
    const { topic, groupId, ca, clock, logger } = this.#options;
    const cut = new AbortController();
    this.#interrupt = () => cut.abort();
    this.#status = "connecting";
    try {
      await using session = await RabbitmqSession.open({
        ...this.#options,
        address,
        ca,
        cut,
        names: { topic, groupId },
        log: this.#log,
      });
      if (this.#isClosed) return undefined;
      // From here on `subscribe` starts consumers by itself.
      this.#session = session;
      const consumers = [...this.#subscriptions].map(([subscription, handler]) =>
        this.#consume(session, subscription, handler)
      );
      await Promise.all(consumers);
      this.#status = "connected";
      logger.info("Connected to RabbitMQ.", { broker: address.label });
      const sinceMs = clock.monotonicMs();
      const reason = await session.ended;
      this.#lost();
      // One that fails soon after each start is no success.
      if (clock.monotonicMs() - sinceMs > LONGEST_PAUSE_MS) this.#backoff.reset();
      return reason;
    } catch (error) {
      return error;
    } finally {
      this.#lost();
    }
  }

  /** There is nothing to publish to from here on, also while handlers still finish. */
  #lost(): void {
    this.#session = undefined;
    this.#status = "disconnected";
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#interrupt = resolve;
    const timer = this.#options.clock.setTimer(resolve, ms);
    await promise;
    timer.cancel();
  }
}

/** The client's errors tell of the broker's answer, and never of credentials. */
function textOf(reason: unknown): string {
  const text = reason instanceof Error ? reason.message : String(reason);
  return text.slice(0, MAX_REASON_LENGTH);
}
