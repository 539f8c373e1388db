import { rabbitmqBus, RabbitmqPeer } from "../harness/rabbitmq_buses.ts";
import { serverTest } from "../support/backends.ts";
import { RABBITMQ_PROGRAMS, startRabbitmq } from "../support/rabbitmq_server.ts";
import { type BuriedMessage, checkBusContract } from "./bus_contract.ts";

serverTest({
  name: "the RabbitMQ bus keeps the bus contract",
  needs: RABBITMQ_PROGRAMS,
  async fn(context): Promise<void> {
    await using server = await startRabbitmq();
    await using peer = await RabbitmqPeer.open(server.url);
    await checkBusContract(context, {
      open: (topic) => rabbitmqBus({ urls: [server.url], topic }),
      broker: {
        publishRaw: (topic, message) => peer.publish(topic, message),
        deadLetters: (topic) => takeDeadLetters(peer, topic),
      },
    });
  },
});

async function takeDeadLetters(peer: RabbitmqPeer, topic: string): Promise<BuriedMessage[]> {
  const letters: BuriedMessage[] = [];
  for (;;) {
    const message = await peer.channel.get(`${topic}.dead`, { noAck: true });
    if (message === false) return letters;
    const headers = message.properties.headers ?? {};
    letters.push({
      reason: String(headers["x-dead-reason"]),
      detail: String(headers["x-dead-detail"]),
      body: message.content,
    });
  }
}
