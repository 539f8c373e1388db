import { Buffer } from "node:buffer";
import { type ConfirmChannel, connect } from "amqplib";
import { RabbitmqBus, type RabbitmqBusOptions } from "../../src/bus/rabbitmq_bus.ts";
import { systemClock } from "../../src/system.ts";
import { hastyRandom } from "./hasty_random.ts";
import { silentLogger, silentMeter } from "./silent.ts";

/** The subscription that the buses of a test share. */
export const TEST_GROUP_ID = "replicas";

/** A bus that says nothing; `overrides` names at least where the broker is and the topic. */
export function rabbitmqBus(
  overrides: Pick<RabbitmqBusOptions, "urls" | "topic"> & Partial<RabbitmqBusOptions>,
): RabbitmqBus {
  return new RabbitmqBus({
    groupId: TEST_GROUP_ID,
    limits: { maxKeyBytes: 512, maxValueBytes: 1024 * 1024 },
    clock: systemClock,
    random: hastyRandom,
    logger: silentLogger,
    meter: silentMeter,
    ...overrides,
  });
}

/** Another client of the same broker, such as a service that publishes, or an operator. */
export class RabbitmqPeer implements AsyncDisposable {
  readonly channel: ConfirmChannel;
  readonly #close: () => Promise<void>;

  private constructor(channel: ConfirmChannel, close: () => Promise<void>) {
    this.channel = channel;
    this.#close = close;
    // What it provokes is told by the call that provoked it.
    channel.on("error", () => {});
  }

  static async open(url: string): Promise<RabbitmqPeer> {
    const model = await connect(url);
    model.on("error", () => {});
    return new RabbitmqPeer(await model.createConfirmChannel(), () => model.close());
  }

  /** Resolves when the broker has the message. */
  publish(exchange: string, message: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const onConfirm = (error: unknown): void => error === null ? resolve() : reject(error);
      this.channel.publish(exchange, "", Buffer.from(message), { persistent: true }, onConfirm);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
