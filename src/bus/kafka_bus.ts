import type {
  EventHandler,
  EventHeaders,
  InvalidationBus,
  InvalidationEvent,
  Subscription,
} from "../core/bus.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { ConnectionStatus } from "../core/store.ts";
import type { Logger, Meter } from "../core/telemetry.ts";
import type { DeadLetter, EventLimits } from "./codec.ts";
import { deliver } from "./delivery.ts";
import type { KafkaAccess } from "./kafka_client.ts";
import { KafkaConsumer } from "./kafka_consumer.ts";
import { KafkaLink } from "./kafka_link.ts";
import { KafkaPublisher, unavailable } from "./kafka_publisher.ts";
import { QuietLog } from "./quiet_log.ts";

const SESSION_TIMEOUT_MS = 10_000;

export interface KafkaBusOptions extends KafkaAccess {
  readonly topic: string;
  /** The consumer group of the shared subscription. */
  readonly groupId: string;
  readonly limits: EventLimits;
  /** The brokers allow 6 s to 30 min unless set otherwise; by default 10 s. */
  readonly sessionTimeoutMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly meter: Meter;
}

/** Invalidation events over Kafka: a topic, and its dead letters in `<topic>.dead`. */
export class KafkaBus implements InvalidationBus {
  readonly #options: KafkaBusOptions;
  readonly #log: QuietLog;
  readonly #publisher: KafkaLink<KafkaPublisher>;
  readonly #consumers = new Map<Subscription, KafkaLink<KafkaConsumer>>();
  #closed: Promise<void> | undefined;

  constructor(options: KafkaBusOptions) {
    this.#options = options;
    this.#log = new QuietLog(options);
    const log = this.#log;
    this.#publisher = new KafkaLink({
      ...options,
      log,
      role: "publisher",
      open: (closing) => KafkaPublisher.open({ ...options, access: options, log }, closing),
    });
  }

  status(): ConnectionStatus {
    const states = [this.#publisher, ...this.#consumers.values()].map(({ status }) => status);
    if (states.includes("disconnected")) return "disconnected";
    return states.includes("connecting") ? "connecting" : "connected";
  }

  subscribe(subscription: Subscription, handler: EventHandler): void {
    if (this.#closed !== undefined) return;
    if (this.#consumers.has(subscription)) {
      throw new Error(`The ${subscription} subscription cannot be made again.`);
    }
    const { limits, meter } = this.#options;
    const bury = (body: Uint8Array, letter: DeadLetter): Promise<void> => this.#bury(body, letter);
    const consumer = {
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      ...this.#options,
      access: this.#options,
      positions: subscription === "shared" ? undefined : new Map<number, string>(),
      deliver: (message: Uint8Array) =>
        deliver(message, {
          limits,
          meter,
          log: this.#log,
          // Of all subscriptions of the group the shared one sees every message once.
          bury: subscription === "private" && this.#consumers.has("shared") ? undefined : bury,
          handler,
        }),
    };
    const link = new KafkaLink({
      ...this.#options,
      log: this.#log,
      role: `${subscription} subscription`,
      open: (closing) => KafkaConsumer.open(consumer, closing),
    });
    this.#consumers.set(subscription, link);
  }

  async publish(event: InvalidationEvent, headers: EventHeaders = {}): Promise<void> {
    const { session } = this.#publisher;
    if (session === undefined) throw unavailable("The broker is not connected.");
    await session.publish(event, headers);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** The publisher last: what is still being handled may have to go to the dead letters. */
  async #close(): Promise<void> {
    await Promise.all([...this.#consumers.values()].map((link) => link.close()));
    await this.#publisher.close();
  }

  async #bury(body: Uint8Array, letter: DeadLetter): Promise<void> {
    const { session } = this.#publisher;
    if (session === undefined) throw unavailable("The broker is not connected.");
    await session.bury(body, letter);
  }
}
