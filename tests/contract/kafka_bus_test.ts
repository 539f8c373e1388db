import { DEAD_DETAIL_HEADER, DEAD_REASON_HEADER } from "../../src/bus/delivery.ts";
import { kafkaBus, KafkaPeer } from "../harness/kafka_buses.ts";
import { serverTest } from "../support/backends.ts";
import { KAFKA_PROGRAMS, startKafka } from "../support/kafka_server.ts";
import { type BuriedMessage, checkBusContract } from "./bus_contract.ts";

async function deadLetters(peer: KafkaPeer, topic: string): Promise<readonly BuriedMessage[]> {
  return (await peer.read(`${topic}.dead`)).map(({ body, headers }) => ({
    body,
    reason: headers.get(DEAD_REASON_HEADER) ?? "",
    detail: headers.get(DEAD_DETAIL_HEADER) ?? "",
  }));
}

serverTest({
  name: "the Kafka bus keeps the bus contract, 3 partitions a topic",
  needs: KAFKA_PROGRAMS,
  async fn(context): Promise<void> {
    await using server = await startKafka({ partitions: 3 });
    await using peer = await KafkaPeer.open(server.address);
    await checkBusContract(context, {
      open: (topic) => kafkaBus({ urls: [server.address], topic }),
      broker: {
        publishRaw: (topic, message) => peer.publish(topic, message),
        deadLetters: (topic) => deadLetters(peer, topic),
      },
    });
  },
});
