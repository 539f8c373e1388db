import type { Channel, ConsumeMessage } from "amqplib";
import { Backoff } from "../core/backoff.ts";
import type { Clock, Random, Timer } from "../core/clock.ts";
import { MAX_IN_FLIGHT, type Verdict } from "./delivery.ts";
import { settlesWithin } from "../core/settles_within.ts";

/** The only consumer of its channel. */
const CONSUMER_TAG = "events";
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** Time for the broker to agree to the end of a consumer, and of a channel. */
const ANSWER_TIMEOUT_MS = 1000;
/** Time for handlers to finish what was taken; what they have not is brought to another replica. */
const FINISH_TIMEOUT_MS = 5000;

export interface RabbitmqConsumerOptions {
  readonly channel: Channel;
  readonly queue: string;
  /** Never rejects. */
  readonly deliver: (message: Uint8Array) => Promise<Verdict>;
  /** The consumer cannot go on. */
  readonly onFailure: (reason: unknown) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Takes messages of a queue, some at a time. When one has to come again it gives all back and stays
 * away for a pause, in which the broker may bring them to another replica: nothing is held until the
 * broker's `consumer_timeout`, and the queue does not turn in circles.
 */
export class RabbitmqConsumer {
  readonly #options: RabbitmqConsumerOptions;
  readonly #backoff: Backoff;
  readonly #inFlight = new Set<Promise<void>>();
  #state: "taking" | "paused" | "stopped" = "paused";
  #pause: Timer | undefined;

  constructor(options: RabbitmqConsumerOptions) {
    this.#options = options;
    const { random } = options;
    this.#backoff = new Backoff({ random, firstMs: FIRST_PAUSE_MS, longestMs: LONGEST_PAUSE_MS });
  }

  async start(): Promise<void> {
    const { channel } = this.#options;
    await channel.prefetch(MAX_IN_FLIGHT);
    await this.#consume();
  }

  /** Takes no more, and finishes and acknowledges what it has taken. Never rejects. */
  async stop(): Promise<void> {
    const { channel, clock } = this.#options;
    const wasTaking = this.#state === "taking";
    this.#state = "stopped";
    this.#pause?.cancel();
    if (wasTaking) await settlesWithin(this.#cancel(), { ms: ANSWER_TIMEOUT_MS, clock });
    await settlesWithin(Promise.all(this.#inFlight), { ms: FINISH_TIMEOUT_MS, clock });
    // The client sends the end of a connection ahead of what its channels still have to send: without
    // the broker's word that the channel is at its end, acknowledgements would be lost.
    await settlesWithin(channel.close(), { ms: ANSWER_TIMEOUT_MS, clock });
  }

  async #consume(): Promise<void> {
    const { channel, queue } = this.#options;
    this.#state = "taking";
    const onMessage = this.#onMessage.bind(this);
    await channel.consume(queue, onMessage, { consumerTag: CONSUMER_TAG });
  }

  async #cancel(): Promise<void> {
    await this.#options.channel.cancel(CONSUMER_TAG);
  }

  #onMessage(message: ConsumeMessage | null): void {
    if (message === null) {
      this.#options.onFailure(
        new Error("The broker ended the consumer; its queue may be deleted."),
      );
      return;
    }
    // It was under way when the consumer was cancelled.
    if (this.#state !== "taking") return this.#giveBack(message);
    const handled = this.#handle(message).finally(() => this.#inFlight.delete(handled));
    this.#inFlight.add(handled);
  }

  async #handle(message: ConsumeMessage): Promise<void> {
    const { channel, deliver } = this.#options;
    const verdict = await deliver(message.content);
    if (verdict === "acknowledge") {
      this.#backoff.reset();
      this.#tell(() => channel.ack(message));
      return;
    }
    // Cancelled before it is given back, so that it does not come back here at once.
    if (this.#state === "taking") this.#stayAway();
    this.#giveBack(message);
  }

  #stayAway(): void {
    const { clock, onFailure } = this.#options;
    this.#state = "paused";
    const resume = (): void => {
      if (this.#state === "paused") this.#consume().catch(onFailure);
    };
    this.#cancel().then(async () => {
      // The broker counts what the next consumer takes from zero.
      await Promise.all(this.#inFlight);
      if (this.#state !== "paused") return;
      this.#pause = clock.setTimer(resume, this.#backoff.nextMs());
    }).catch(onFailure);
  }

  #giveBack(message: ConsumeMessage): void {
    this.#tell(() => this.#options.channel.nack(message, false, true));
  }

  /** On a channel that is closed the broker brings the message again by itself. */
  #tell(send: () => void): void {
    try {
      send();
    } catch {
      this.#options.onFailure(new Error("The channel was closed before a message was finished."));
    }
  }
}
