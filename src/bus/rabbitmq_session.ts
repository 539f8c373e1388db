import type { EventHandler, EventHeaders, Subscription } from "../core/bus.ts";
import type { Random } from "../core/clock.ts";
import type { Meter } from "../core/telemetry.ts";
import type { DeadLetter, EventLimits } from "./codec.ts";
import { DEAD_DETAIL_HEADER, DEAD_REASON_HEADER, deliver } from "./delivery.ts";
import type { QuietLog } from "./quiet_log.ts";
import { RabbitmqConsumer } from "./rabbitmq_consumer.ts";
import { RabbitmqLink, type RabbitmqLinkOptions } from "./rabbitmq_link.ts";
import { RabbitmqPublisher } from "./rabbitmq_publisher.ts";
import {
  deadName,
  declareDead,
  declareExchange,
  declareQueue,
  type RabbitmqNames,
} from "./rabbitmq_topology.ts";

export interface RabbitmqSessionOptions extends RabbitmqLinkOptions {
  readonly names: RabbitmqNames;
  readonly limits: EventLimits;
  readonly random: Random;
  readonly meter: Meter;
  readonly log: QuietLog;
}

/** All that goes on over one connection, from its start to its end. */
export class RabbitmqSession implements AsyncDisposable {
  readonly #options: RabbitmqSessionOptions;
  readonly #link: RabbitmqLink;
  readonly #publisher: RabbitmqPublisher;
  readonly #consumers: RabbitmqConsumer[] = [];
  #closing: Promise<void> | undefined;

  private constructor(
    options: RabbitmqSessionOptions,
    parts: { readonly link: RabbitmqLink; readonly publisher: RabbitmqPublisher },
  ) {
    this.#options = options;
    this.#link = parts.link;
    this.#publisher = parts.publisher;
  }

  /** Connects and declares the exchange. */
  static async open(options: RabbitmqSessionOptions): Promise<RabbitmqSession> {
    const link = await RabbitmqLink.open(options);
    try {
      const channel = await link.confirmChannel();
      await declareExchange(channel, options.names);
      const publisher = new RabbitmqPublisher(channel, options);
      return new RabbitmqSession(options, { link, publisher });
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Resolves with the reason when the session is of no use any more. */
  get ended(): Promise<unknown> {
    return this.#link.ended;
  }

  /** Ends it for this reason. */
  fail(reason: unknown): void {
    this.#link.fail(reason);
  }

  /** Rejects with `broker_unavailable`. */
  publish(message: Uint8Array, headers: EventHeaders): Promise<void> {
    return this.#publisher.publish(message, { exchange: this.#options.names.topic, headers });
  }

  /** Declares what the subscription needs and brings its events; rejects where that is refused. */
  async consume(
    subscription: Subscription,
    { handler, buries }: { readonly handler: EventHandler; readonly buries: boolean },
  ): Promise<void> {
    const { names } = this.#options;
    const channel = await this.#link.channel();
    await declareDead(channel, names);
    const queue = await declareQueue(channel, { subscription, names });
    const bury = buries ? this.#bury.bind(this) : undefined;
    const consumer = new RabbitmqConsumer({
      ...this.#options,
      channel,
      queue,
      deliver: (message) => deliver(message, { ...this.#options, bury, handler }),
      onFailure: this.#link.fail,
    });
    this.#consumers.push(consumer);
    await consumer.start();
  }

  /** Finishes what was taken, and disconnects. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    await this.#link.close();
    this.#publisher.stop();
  }

  #bury(body: Uint8Array, { reason, detail }: DeadLetter): Promise<void> {
    return this.#publisher.publish(body, {
      exchange: deadName(this.#options.names),
      headers: { [DEAD_REASON_HEADER]: reason, [DEAD_DETAIL_HEADER]: detail },
    });
  }
}
