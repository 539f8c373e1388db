import type { Admin } from "kafkajs";
import { isKafkaError } from "./kafka_failure.ts";

/**
 * Creates the topic with the brokers' defaults where it is missing. Rejects, naming the topic, where
 * that or its use is refused.
 */
export async function ensureTopic(admin: Admin, topic: string): Promise<void> {
  try {
    await admin.fetchTopicMetadata({ topics: [topic] });
  } catch (cause) {
    if (!isKafkaError(cause, "UNKNOWN_TOPIC_OR_PARTITION")) {
      throw new Error(`The topic "${topic}" cannot be used`, { cause });
    }
    await create(admin, topic);
  }
}

async function create(admin: Admin, topic: string): Promise<void> {
  try {
    await admin.createTopics({ topics: [{ topic }] });
  } catch (cause) {
    throw new Error(`The topic "${topic}" is missing and could not be created`, { cause });
  }
}
