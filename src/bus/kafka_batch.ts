import type { EachBatchPayload, KafkaMessage } from "kafkajs";
import { Backoff } from "../core/backoff.ts";
import type { Clock, Random } from "../core/clock.ts";
import { MAX_IN_FLIGHT, type Verdict } from "./delivery.ts";
import { KafkaHeartbeats } from "./kafka_heartbeats.ts";
import { pause } from "./kafka_pause.ts";

const EMPTY = new Uint8Array(0);

export interface KafkaBatchParts {
  readonly deliver: (message: Uint8Array) => Promise<Verdict>;
  /** Called when all messages of the partition before `offset` are done with. */
  readonly done: (payload: EachBatchPayload, offset: string) => Promise<void>;
  readonly heartbeatMs: number;
  readonly closing: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Hands over the messages of a batch, a few at a time, and again after a pause those that have to come
 * again. Heartbeats go on all the while, so the partition stays with this consumer through a long
 * outage of the store. Returns early when closing; rejects when the group has taken the partition away.
 * Then what is not done comes again, here or to another member.
 */
export async function handleBatch(
  payload: EachBatchPayload,
  parts: KafkaBatchParts,
): Promise<void> {
  const { heartbeat } = payload;
  const heartbeats = new KafkaHeartbeats({ ...parts, beat: heartbeat, everyMs: parts.heartbeatMs });
  try {
    let waiting: readonly KafkaMessage[] = payload.batch.messages;
    while (waiting.length > 0 && !parts.closing.aborted) {
      const taken = waiting.slice(0, MAX_IN_FLIGHT);
      await handOver(payload, { taken, heartbeats, parts });
      waiting = waiting.slice(MAX_IN_FLIGHT);
      await heartbeat();
    }
  } finally {
    heartbeats.stop();
  }
}

/** Returns when all of `taken` are done with, or when closing. */
async function handOver(
  payload: EachBatchPayload,
  { taken, heartbeats, parts }: {
    readonly taken: readonly KafkaMessage[];
    readonly heartbeats: KafkaHeartbeats;
    readonly parts: KafkaBatchParts;
  },
): Promise<void> {
  const { clock, random, closing, deliver } = parts;
  const backoff = new Backoff({ random, firstMs: 1_000, longestMs: 30_000 });
  const interrupted = AbortSignal.any([closing, heartbeats.lost]);
  const undone = new Set(taken);
  while (true) {
    await Promise.all([...undone].map(async (message) => {
      if (await deliver(message.value ?? EMPTY) === "acknowledge") undone.delete(message);
    }));
    // Committing the offset of a message says that all before it are done with too.
    const firstUndone = taken.findIndex((message) => undone.has(message));
    const lastDone = taken.slice(0, firstUndone === -1 ? undefined : firstUndone).at(-1);
    if (lastDone !== undefined) {
      payload.resolveOffset(lastDone.offset);
      await parts.done(payload, `${BigInt(lastDone.offset) + 1n}`);
    }
    if (undone.size === 0) return;
    await pause(clock, { delayMs: backoff.nextMs(), signal: interrupted });
    heartbeats.lost.throwIfAborted();
    if (closing.aborted) return;
  }
}
