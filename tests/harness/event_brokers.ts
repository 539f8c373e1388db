import { DEAD_REASON_HEADER } from "../../src/bus/delivery.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import { KAFKA_PROGRAMS, type KafkaServer, startKafka } from "../support/kafka_server.ts";
import {
  RABBITMQ_PROGRAMS,
  type RabbitmqServer,
  startRabbitmq,
} from "../support/rabbitmq_server.ts";
import { KafkaPeer } from "./kafka_buses.ts";
import { RabbitmqPeer } from "./rabbitmq_buses.ts";

/** Another service that publishes events. */
export interface EventPeer extends AsyncDisposable {
  /** Resolves when the broker has all of them. */
  publish(...messages: readonly Uint8Array[]): Promise<void>;
  /** Why there are dead letters that came since the last call. */
  deadReasons(): Promise<readonly string[]>;
}

/** A real broker. */
export interface EventBroker {
  /** Settings of a service whose events come by `topic`. */
  settings(topic: string): Record<string, string>;
  /** Another client; sees to a topic of `partitions`, where the broker has such. */
  open(topic: string, options?: { readonly partitions?: number }): Promise<EventPeer>;
  /** Kills the broker as a power cut would, and starts it again with its data. */
  restart(): Promise<void>;
}

const NEEDS = { RabbitMQ: RABBITMQ_PROGRAMS, Kafka: KAFKA_PROGRAMS } as const;
type Kind = keyof typeof NEEDS;

/** Registers `check` for each broker, one server for all of a file; call it at the top of the file. */
export function eventBrokers(): (name: string, check: BrokerCheck) => void {
  const rabbitmq = sharedServer({ needs: NEEDS.RabbitMQ, start: () => startRabbitmq() });
  const kafka = sharedServer({ needs: NEEDS.Kafka, start: () => startKafka() });
  return (name, check) => {
    brokerTest("RabbitMQ", { name, fn: () => check(rabbitmqBroker(rabbitmq())) });
    brokerTest("Kafka", { name, fn: () => check(kafkaBroker(kafka())) });
  };
}

/** Registers `check` for each broker, with a server of its own that it may restart. */
export function onOwnBrokers(name: string, check: BrokerCheck): void {
  brokerTest("RabbitMQ", {
    name,
    async fn(): Promise<void> {
      await using server = await startRabbitmq();
      await check(rabbitmqBroker(server));
    },
  });
  brokerTest("Kafka", {
    name,
    async fn(): Promise<void> {
      await using server = await startKafka();
      await check(kafkaBroker(server));
    },
  });
}

function brokerTest(
  kind: Kind,
  { name, fn }: { readonly name: string; readonly fn: () => Promise<void> },
): void {
  serverTest({ name: `${name}: ${kind}`, needs: [...NEEDS[kind], "redis-server"], fn });
}

type BrokerCheck = (broker: EventBroker) => Promise<void>;

/** An event as other services send it. */
export function eventMessage(event: {
  readonly namespace: string;
  readonly keys: readonly string[];
  readonly action?: "delete" | "update";
  /** Unix seconds or milliseconds, or RFC 3339; now by default. */
  readonly timestamp?: number | string;
  /** Base64 by key. */
  readonly values?: Readonly<Record<string, string>>;
  readonly ttl_seconds?: number;
}): Uint8Array {
  const timestamp = Math.floor(Date.now() / 1000);
  return new TextEncoder().encode(JSON.stringify({ action: "delete", timestamp, ...event }));
}

function rabbitmqBroker(server: RabbitmqServer): EventBroker {
  return {
    settings: (topic) => ({
      BROKER_TYPE: "rabbitmq",
      BROKER_URL: server.url,
      BROKER_TOPIC: topic,
    }),
    async open(topic): Promise<EventPeer> {
      const peer = await RabbitmqPeer.open(server.url);
      await peer.channel.assertExchange(topic, "fanout", { durable: true });
      return {
        async publish(...messages): Promise<void> {
          await Promise.all(messages.map((message) => peer.publish(topic, message)));
        },
        deadReasons: () => rabbitmqDeadReasons(peer, topic),
        [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
      };
    },
    restart: () => server.restart(),
  };
}

async function rabbitmqDeadReasons(peer: RabbitmqPeer, topic: string): Promise<string[]> {
  const reasons: string[] = [];
  for (;;) {
    const message = await peer.channel.get(`${topic}.dead`, { noAck: true });
    if (message === false) return reasons;
    reasons.push(String(message.properties.headers?.[DEAD_REASON_HEADER]));
  }
}

function kafkaBroker(server: KafkaServer): EventBroker {
  return {
    settings: (topic) => ({
      BROKER_TYPE: "kafka",
      BROKER_URL: server.address,
      BROKER_TOPIC: topic,
    }),
    async open(topic, { partitions = 1 } = {}): Promise<EventPeer> {
      const peer = await KafkaPeer.open(server.address);
      await peer.admin.createTopics({ topics: [{ topic, numPartitions: partitions }] });
      return {
        publish: (...messages) => peer.publish(topic, ...messages),
        deadReasons: async () =>
          (await peer.read(`${topic}.dead`)).map(({ headers }) =>
            headers.get(DEAD_REASON_HEADER) ?? ""
          ),
        [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
      };
    },
    restart: () => server.restart(),
  };
}
