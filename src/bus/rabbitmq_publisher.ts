import { Buffer } from "node:buffer";
import type { ConfirmChannel } from "amqplib";
import type { Clock } from "../core/clock.ts";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import { brokerUnavailable } from "./broker_unavailable.ts";

const CONFIRM_TIMEOUT_MS = 5000;
const MAX_UNCONFIRMED = 1000;

/** Publishes durable messages; each is done when the broker has confirmed it. */
export class RabbitmqPublisher {
  readonly #channel: ConfirmChannel;
  readonly #timeouts: TimeoutQueue;
  /** Also those that were given up: the client still holds them. */
  #unconfirmed = 0;

  constructor(channel: ConfirmChannel, { clock }: { readonly clock: Clock }) {
    this.#channel = channel;
    this.#timeouts = new TimeoutQueue({ clock, timeoutMs: CONFIRM_TIMEOUT_MS });
  }

  /** Rejects with `broker_unavailable` where the broker has not confirmed the message in 5 s. */
  publish(
    body: Uint8Array,
    { exchange, headers = {} }: {
      readonly exchange: string;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ): Promise<void> {
    if (this.#unconfirmed >= MAX_UNCONFIRMED) {
      const detail = `${MAX_UNCONFIRMED} messages wait for the broker to confirm them.`;
      return Promise.reject(brokerUnavailable(detail));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait = this.#timeouts.begin(() =>
      reject(brokerUnavailable(`The broker confirmed nothing within ${CONFIRM_TIMEOUT_MS} ms.`))
    );
    const onConfirm = (error: unknown): void => {
      this.#unconfirmed--;
      wait.end();
      if (error === null) resolve();
      else reject(brokerUnavailable("The broker did not take the message.", error));
    };
    this.#unconfirmed++;
    try {
      const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      this.#channel.publish(exchange, "", content, { persistent: true, headers }, onConfirm);
    } catch (error) {
      onConfirm(error);
    }
    return promise;
  }

  /** Those that wait are told by the client when the channel closes. */
  stop(): void {
    this.#timeouts.stop();
  }
}
