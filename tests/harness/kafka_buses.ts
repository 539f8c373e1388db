import { Buffer } from "node:buffer";
import {
  type Admin,
  AssignerProtocol,
  CompressionTypes,
  type Consumer,
  type PartitionAssigner,
  PartitionAssigners,
  type Producer,
} from "kafkajs";
import { KafkaBus, type KafkaBusOptions } from "../../src/bus/kafka_bus.ts";
import { KafkaClient } from "../../src/bus/kafka_client.ts";
import { systemClock } from "../../src/system.ts";
import { waitFor } from "../support/wait_for.ts";
import { hastyRandom } from "./hasty_random.ts";
import { silentLogger, silentMeter } from "./silent.ts";

/** The consumer group that the buses of a test share. */
export const TEST_GROUP_ID = "replicas";

/** A bus that says nothing; `overrides` names at least where the broker is and the topic. */
export function kafkaBus(
  overrides: Pick<KafkaBusOptions, "urls" | "topic"> & Partial<KafkaBusOptions>,
): KafkaBus {
  return new KafkaBus({
    groupId: TEST_GROUP_ID,
    limits: { maxKeyBytes: 512, maxValueBytes: 1024 * 1024 },
    clock: systemClock,
    random: hastyRandom,
    logger: silentLogger,
    meter: silentMeter,
    ...overrides,
  });
}

export async function isConnected(bus: KafkaBus): Promise<void> {
  await waitFor(() => bus.status() === "connected", {
    deadlineMs: 60_000,
    what: "the bus to connect",
  });
}

/** A message as it stands in a topic. */
export interface PeerMessage {
  readonly body: Uint8Array;
  readonly headers: ReadonlyMap<string, string>;
}

/** Another client of the same broker, such as a service that publishes, or an operator. */
export class KafkaPeer implements AsyncDisposable {
  readonly admin: Admin;
  readonly #client: KafkaClient;
  readonly #producer: Producer;
  readonly #readers = new Map<string, { consumer: Consumer; messages: PeerMessage[] }>();

  private constructor(address: string) {
    this.#client = new KafkaClient({ urls: [address] }, silentLogger);
    this.admin = this.#client.kafka.admin();
    this.#producer = this.#client.kafka.producer();
  }

  static async open(address: string): Promise<KafkaPeer> {
    const peer = new KafkaPeer(address);
    await peer.admin.connect();
    await peer.#producer.connect();
    return peer;
  }

  /** Resolves when the broker has the messages, which are compressed as its limits are for. */
  async publish(topic: string, ...messages: readonly Uint8Array[]): Promise<void> {
    await this.#producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: messages.map((message) => ({ value: Buffer.from(message) })),
    });
  }

  /** The messages of the topic, from its beginning, that came since the last call. */
  async read(topic: string): Promise<readonly PeerMessage[]> {
    const { messages } = this.#readers.get(topic) ?? await this.#startReading(topic);
    return messages.splice(0);
  }

  /** A member of the group, which from then on takes none that assigns partitions as kafkajs does. */
  async strangerIn(groupId: string): Promise<Consumer> {
    const inItsOwnWay: PartitionAssigner = (config) => ({
      ...PartitionAssigners.roundRobin(config),
      name: "stranger",
      protocol: ({ topics }) => ({
        name: "stranger",
        metadata: AssignerProtocol.MemberMetadata.encode({
          version: 1,
          topics,
          userData: Buffer.alloc(0),
        }),
      }),
    });
    const stranger = this.#client.kafka.consumer({ groupId, partitionAssigners: [inItsOwnWay] });
    const joined = new Promise((resolve) => stranger.on(stranger.events.GROUP_JOIN, resolve));
    await stranger.connect();
    await stranger.subscribe({ topic: groupId });
    await stranger.run({ eachMessage: () => Promise.resolve() });
    await joined;
    return stranger;
  }

  /** The ids of the members of the group. */
  async members(groupId: string): Promise<readonly string[]> {
    const { groups } = await this.admin.describeGroups([groupId]);
    return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
  }

  /** The offset that the group has committed, by partition; -1 for none. */
  async committed(groupId: string, topic: string): Promise<readonly string[]> {
    const [offsets] = await this.admin.fetchOffsets({ groupId, topics: [topic] });
    return offsets?.partitions.map(({ offset }) => offset) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#readers.values()].map(({ consumer }) => consumer.disconnect()));
    await this.#producer.disconnect();
    await this.admin.disconnect();
    await this.#client.close();
  }

  async #startReading(topic: string): Promise<{ consumer: Consumer; messages: PeerMessage[] }> {
    const consumer = this.#client.kafka.consumer({
      groupId: `reader-${topic}`,
      maxWaitTimeInMs: 100,
    });
    const messages: PeerMessage[] = [];
    this.#readers.set(topic, { consumer, messages });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message: { value, headers = {} } }) => {
        const told = Object.entries(headers).map(([name, text]) => [name, String(text)] as const);
        messages.push({ body: value ?? new Uint8Array(0), headers: new Map(told) });
        return Promise.resolve();
      },
    });
    return { consumer, messages };
  }
}
