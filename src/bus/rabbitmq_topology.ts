import type { Channel } from "amqplib";
import type { Subscription } from "../core/bus.ts";

export interface RabbitmqNames {
  /** Of the exchange. */
  readonly topic: string;
  /** Of the subscription that replicas share. */
  readonly groupId: string;
}

/** The exchange, and the queue bound to it, of what can never be carried out. */
export function deadName({ topic }: RabbitmqNames): string {
  return `${topic}.dead`;
}

// Declaring what exists with other settings is refused with PRECONDITION_FAILED and a text that names
// the difference; declaring what exists as it should changes nothing.

/** Where events are published. */
export async function declareExchange(channel: Channel, { topic }: RabbitmqNames): Promise<void> {
  await channel.assertExchange(topic, "fanout", { durable: true });
}

/** Where dead letters are kept until somebody has looked at them. */
export async function declareDead(channel: Channel, names: RabbitmqNames): Promise<void> {
  const name = deadName(names);
  await channel.assertExchange(name, "fanout", { durable: true });
  await channel.assertQueue(name, { durable: true });
  await channel.bindQueue(name, name, "");
}

/** Declares what a subscription consumes, and gives its name. */
export async function declareQueue(
  channel: Channel,
  { subscription, names }: { readonly subscription: Subscription; readonly names: RabbitmqNames },
): Promise<string> {
  const { topic, groupId } = names;
  const { queue } = await (subscription === "shared"
    ? channel.assertQueue(`${topic}.${groupId}`, {
      durable: true,
      arguments: { "x-single-active-consumer": true },
    })
    // Not auto-delete: it would be gone whenever its consumer pauses.
    : channel.assertQueue("", { durable: false, exclusive: true }));
  await channel.bindQueue(queue, topic, "");
  return queue;
}
