import { parseExposition, sumOf } from "../support/exposition.ts";
import type { RedisServer } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { startTestApp, type TestApp } from "./apps.ts";
import type { EventBroker } from "./event_brokers.ts";

/** A broker may have been away: the pauses between attempts grow up to 30 s. */
const CONNECT_DEADLINE_MS = 60_000;

/** A whole service that takes its events from `broker`, once it is connected to it. */
export async function startEventReplica(
  broker: EventBroker,
  { topic, redis, env = {} }: {
    readonly topic: string;
    /** Without one, each replica has a store of its own. */
    readonly redis?: Pick<RedisServer, "address">;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<TestApp> {
  const addresses = redis === undefined ? {} : { REDIS_ADDRESSES: redis.address };
  const replica = await startTestApp({ ...addresses, ...broker.settings(topic), ...env });
  await untilConnected(replica);
  return replica;
}

/** Waits until the replica takes events. */
export async function untilConnected(replica: TestApp): Promise<void> {
  await waitFor(async () => await brokerStatus(replica) === "connected", {
    deadlineMs: CONNECT_DEADLINE_MS,
    what: "the replica to be connected to the broker",
  });
}

export async function brokerStatus({ origin }: TestApp): Promise<unknown> {
  return (await (await fetch(`${origin}/health`)).json()).broker_status;
}

/** How many events these replicas counted with that outcome. */
export async function countEvents(
  replicas: readonly TestApp[],
  outcome: "applied" | "retried" | "dead",
): Promise<number> {
  const counts = await Promise.all(replicas.map(async ({ origin }) => {
    const samples = parseExposition(await (await fetch(`${origin}/metrics`)).text());
    return sumOf(samples, { name: "cache_invalidation_events_total", labels: { outcome } });
  }));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Waits until these replicas carried out as many events together, redelivered ones included. */
export async function untilApplied(replicas: readonly TestApp[], events: number): Promise<void> {
  await waitFor(async () => await countEvents(replicas, "applied") >= events, {
    deadlineMs: CONNECT_DEADLINE_MS,
    what: `${events} events to be carried out`,
  });
}

/** What a replica answers: the value as text, or nothing for a miss. */
export async function textAt(
  { rest }: TestApp,
  namespace: string,
  key: string,
): Promise<string | undefined> {
  const read = await rest.get(namespace, key);
  return read.found ? new TextDecoder().decode(read.value) : undefined;
}

/** Writes `value` to every key by the first replica, and has every replica keep copies. */
export async function fillCopies(
  replicas: readonly TestApp[],
  { namespace, keys, value }: {
    readonly namespace: string;
    readonly keys: readonly string[];
    readonly value: string;
  },
): Promise<void> {
  const bytes = new TextEncoder().encode(value);
  for (let i = 0; i < keys.length; i += 1000) {
    const some = keys.slice(i, i + 1000);
    const entries = new Map(some.map((key) => [key, bytes]));
    await replicas[0]?.rest.batchSet({ namespace, entries });
    await Promise.all(replicas.map(({ rest }) => rest.batchGet(namespace, some)));
  }
}

/** Those of `keys` that a replica still has. */
export async function keysLeft(
  { rest }: TestApp,
  namespace: string,
  keys: readonly string[],
): Promise<string[]> {
  const left: string[] = [];
  for (let i = 0; i < keys.length; i += 1000) {
    left.push(...(await rest.batchGet(namespace, keys.slice(i, i + 1000))).values.keys());
  }
  return left;
}
