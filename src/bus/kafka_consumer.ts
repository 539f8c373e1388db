import type { Consumer, EachBatchPayload } from "kafkajs";
import type { Clock, Random, Timer } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import type { Verdict } from "./delivery.ts";
import { handleBatch } from "./kafka_batch.ts";
import { CLIENT_RETRY, type KafkaAccess, KafkaClient } from "./kafka_client.ts";
import type { KafkaSession } from "./kafka_link.ts";
import { ensureTopic } from "./kafka_topics.ts";
import { settlesWithin } from "../core/settles_within.ts";

/** How long closing waits for the events being carried out. */
const DRAIN_MS = 5_000;
/** An idle consumer asks this often; closing waits as long. */
const FETCH_WAIT_MS = 500;

export interface KafkaConsumerOptions {
  readonly access: KafkaAccess;
  readonly topic: string;
  /** Of the shared subscription; the groups of private ones begin with it. */
  readonly groupId: string;
  /**
   * Where a private subscription stands: the next offset by partition, kept over reconnections. Empty
   * at first, which means from now on. A shared one keeps its offsets with the brokers, and begins
   * with the oldest event there is.
   */
  readonly positions: Map<number, string> | undefined;
  readonly deliver: (message: Uint8Array) => Promise<Verdict>;
  /** After this time without a sign of life the group gives this member's partitions to others. */
  readonly sessionTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A member of a consumer group that hands over events until kafkajs gives up on it. */
export class KafkaConsumer implements KafkaSession {
  readonly #options: KafkaConsumerOptions;
  readonly #client: KafkaClient;
  readonly #consumer: Consumer;
  readonly #closing = new AbortController();
  readonly #ended = Promise.withResolvers<unknown>();
  readonly #joined = Promise.withResolvers<void>();
  #watchdog: Timer | undefined;

  private constructor(options: KafkaConsumerOptions) {
    this.#options = options;
    this.#client = new KafkaClient(options.access, options.logger);
    this.#consumer = this.#client.kafka.consumer({
      groupId: groupIdOf(options),
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.sessionTimeoutMs,
      heartbeatInterval: this.#heartbeatMs,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      // kafkajs restarts what it takes for curable, and nobody what it does not: KafkaLink does both.
      retry: { ...CLIENT_RETRY, restartOnFailure: () => Promise.resolve(false) },
    });
    this.#listen();
  }

  /** Resolves when the consumer has joined its group. */
  static async open(options: KafkaConsumerOptions, closing: AbortSignal): Promise<KafkaConsumer> {
    const consumer = new KafkaConsumer(options);
    const abandon = (): Promise<void> => consumer.#client.close();
    closing.addEventListener("abort", abandon);
    try {
      await consumer.#start();
      return consumer;
    } catch (error) {
      await consumer.close();
      throw error;
    } finally {
      closing.removeEventListener("abort", abandon);
    }
  }

  get ended(): Promise<unknown> {
    return this.#ended.promise;
  }

  /** Lets the events being carried out finish, commits them and leaves the group. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#watchdog?.cancel();
    const { clock } = this.#options;
    await settlesWithin(this.#consumer.disconnect(), { ms: DRAIN_MS, clock });
    await this.#client.close();
  }

  get #heartbeatMs(): number {
    return this.#options.sessionTimeoutMs / 10;
  }

  #listen(): void {
    const { CRASH, GROUP_JOIN, HEARTBEAT } = this.#consumer.events;
    this.#consumer.on(CRASH, ({ payload }) => this.#ended.resolve(payload.error));
    this.#consumer.on(HEARTBEAT, () => this.#watch());
    this.#consumer.on(GROUP_JOIN, () => {
      this.#seek();
      this.#watch();
      this.#joined.resolve();
    });
  }

  async #start(): Promise<void> {
    const { topic } = this.#options;
    await this.#prepare();
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic, fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.#handle(payload),
    });
    const failure = await Promise.race([this.#joined.promise, this.#ended.promise]);
    if (failure !== undefined) throw failure;
  }

  /** Sees to the topic, and notes where a private subscription begins. */
  async #prepare(): Promise<void> {
    const { topic, positions } = this.#options;
    const admin = this.#client.kafka.admin();
    await admin.connect();
    await ensureTopic(admin, topic);
    if (positions?.size === 0) {
      for (const { partition, offset } of await admin.fetchTopicOffsets(topic)) {
        positions.set(partition, offset);
      }
    }
    await admin.disconnect();
  }

  #seek(): void {
    const { topic, positions = [] } = this.#options;
    for (const [partition, offset] of positions) this.#consumer.seek({ topic, partition, offset });
  }

  #handle(payload: EachBatchPayload): Promise<void> {
    const { clock, random, deliver, positions } = this.#options;
    return handleBatch(payload, {
      clock,
      random,
      deliver,
      heartbeatMs: this.#heartbeatMs,
      closing: this.#closing.signal,
      async done({ batch, commitOffsetsIfNecessary, uncommittedOffsets }, offset): Promise<void> {
        if (positions === undefined) await commitOffsetsIfNecessary(uncommittedOffsets());
        else positions.set(batch.partition, offset);
      },
    });
  }

  /** Ends the session unless the group hears of this member again in time, a rebalance included. */
  #watch(): void {
    if (this.#closing.signal.aborted) return;
    const { clock, sessionTimeoutMs } = this.#options;
    this.#watchdog?.cancel();
    this.#watchdog = clock.setTimer(() => {
      this.#ended.resolve(new Error("The consumer has stopped without a word."));
    }, 3 * sessionTimeoutMs);
  }
}

/**
 * Each session of a private subscription has a group of its own: none waits for the end of the one
 * before it, and a group without members and offsets is removed by the brokers.
 */
function groupIdOf({ groupId, positions, random }: KafkaConsumerOptions): string {
  return positions === undefined ? groupId : `${groupId}.${random.bytes(12).toHex()}`;
}
