import { Buffer } from "node:buffer";
import type { Producer } from "kafkajs";
import type { EventHeaders, InvalidationEvent } from "../core/bus.ts";
import type { Clock } from "../core/clock.ts";
import { CacheError } from "../core/errors.ts";
import type { Logger } from "../core/telemetry.ts";
import { brokerUnavailable } from "./broker_unavailable.ts";
import { type DeadLetter, encodeEvent } from "./codec.ts";
import { DEAD_DETAIL_HEADER, DEAD_REASON_HEADER } from "./delivery.ts";
import { type KafkaAccess, KafkaClient, REQUEST_TIMEOUT_MS } from "./kafka_client.ts";
import { isKafkaError, kafkaFailureFields } from "./kafka_failure.ts";
import type { KafkaSession } from "./kafka_link.ts";
import { ensureTopic } from "./kafka_topics.ts";
import type { QuietLog } from "./quiet_log.ts";
import { settlesWithin } from "../core/settles_within.ts";

const MAX_UNCONFIRMED = 1_000;
const EMPTY = new Uint8Array(0);

export interface KafkaPublisherOptions {
  readonly access: KafkaAccess;
  readonly topic: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: QuietLog;
}

interface Outgoing {
  readonly topic: string;
  readonly key?: string;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes to the topic of events and to that of dead letters, over one connection. */
export class KafkaPublisher implements KafkaSession {
  readonly #options: KafkaPublisherOptions;
  readonly #client: KafkaClient;
  readonly #producer: Producer;
  readonly #ended = Promise.withResolvers<unknown>();
  #unconfirmed = 0;

  private constructor(options: KafkaPublisherOptions) {
    this.#options = options;
    this.#client = new KafkaClient(options.access, options.logger);
    this.#producer = this.#client.kafka.producer({ allowAutoTopicCreation: false });
  }

  /** Connects, and creates both topics where they are missing. */
  static async open(options: KafkaPublisherOptions, closing: AbortSignal): Promise<KafkaPublisher> {
    const publisher = new KafkaPublisher(options);
    const abandon = (): Promise<void> => publisher.#client.close();
    closing.addEventListener("abort", abandon);
    try {
      await publisher.#prepare();
      return publisher;
    } catch (error) {
      await publisher.close();
      throw error;
    } finally {
      closing.removeEventListener("abort", abandon);
    }
  }

  get ended(): Promise<unknown> {
    return this.#ended.promise;
  }

  /** Resolves when all replicas in sync have the event. */
  async publish(event: InvalidationEvent, headers: EventHeaders): Promise<void> {
    const value = encodeEvent(event);
    try {
      // Events of a namespace go to one partition, where they keep their order.
      await this.#send({ topic: this.#options.topic, key: event.namespace, value, headers });
    } catch (error) {
      if (error instanceof CacheError) throw error;
      if (!isKafkaError(error, "MESSAGE_TOO_LARGE")) throw unavailable("The broker failed.", error);
      throw new CacheError(
        "batch_too_large",
        `The broker takes no message of ${value.length} bytes, which the event has.`,
        { cause: error },
      );
    }
  }

  /** Resolves when the dead letter is written; without its body where the broker takes none so large. */
  async bury(body: Uint8Array, { reason, detail }: DeadLetter): Promise<void> {
    const topic = `${this.#options.topic}.dead`;
    const headers = { [DEAD_REASON_HEADER]: reason, [DEAD_DETAIL_HEADER]: detail };
    try {
      await this.#send({ topic, value: body, headers });
    } catch (error) {
      if (!isKafkaError(error, "MESSAGE_TOO_LARGE")) throw error;
      const told = `${detail} The message of ${body.length} bytes was too large to be kept.`;
      await this.#send({
        topic,
        value: EMPTY,
        headers: { ...headers, [DEAD_DETAIL_HEADER]: told },
      });
    }
  }

  async close(): Promise<void> {
    const { clock } = this.#options;
    await settlesWithin(this.#producer.disconnect(), { ms: REQUEST_TIMEOUT_MS, clock });
    await this.#client.close();
  }

  async #prepare(): Promise<void> {
    const { topic, log } = this.#options;
    const admin = this.#client.kafka.admin();
    await admin.connect();
    await ensureTopic(admin, topic);
    try {
      await ensureTopic(admin, `${topic}.dead`);
    } catch (error) {
      // Events can be published and carried out without it; a dead letter then waits for it.
      log.warn("The topic of dead letters is missing.", kafkaFailureFields(error));
    }
    await admin.disconnect();
    await this.#producer.connect();
  }

  async #send({ topic, value, ...message }: Outgoing): Promise<void> {
    if (this.#unconfirmed >= MAX_UNCONFIRMED) {
      throw unavailable(`${MAX_UNCONFIRMED} messages already wait for the broker.`);
    }
    const late = Promise.withResolvers<never>();
    const timer = this.#options.clock.setTimer(() => {
      late.reject(unavailable(`The broker did not answer within ${REQUEST_TIMEOUT_MS} ms.`));
    }, REQUEST_TIMEOUT_MS);
    this.#unconfirmed++;
    const sent = this.#producer.send({
      topic,
      acks: -1,
      timeout: REQUEST_TIMEOUT_MS,
      messages: [{ ...message, value: Buffer.from(value) }],
    }).finally(() => this.#unconfirmed--);
    try {
      await Promise.race([sent, late.promise]);
    } catch (error) {
      // Only a working connection tells that a message is too large.
      if (!isKafkaError(error, "MESSAGE_TOO_LARGE")) this.#ended.resolve(error);
      throw error;
    } finally {
      timer.cancel();
    }
  }
}

/** The failure of a broker that cannot be reached or does not answer. */
export function unavailable(why: string, cause?: unknown): CacheError {
  return brokerUnavailable(`The event was not published. ${why}`, cause);
}
