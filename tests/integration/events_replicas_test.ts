// Requirements 3.1 to 3.5: invalidation events and whole replicas.
import assert from "node:assert/strict";
import type { TestApp } from "../harness/apps.ts";
import { eventBrokers, eventMessage } from "../harness/event_brokers.ts";
import {
  countEvents,
  fillCopies,
  keysLeft,
  startEventReplica,
  textAt,
  untilApplied,
} from "../harness/event_replicas.ts";
import { sharedServer } from "../support/backends.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { propertySeed, SeededRandom } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";

const SOON = { deadlineMs: 20_000, intervalMs: 20 };
const MEBIBYTE = 1024 * 1024;

const onBrokers = eventBrokers();
const redis = sharedServer({ needs: ["redis-server"], start: () => startRedis() });

/** Names in order, such as k0, k1. */
function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `k${i}`);
}

/** Waits until none of the replicas has any of the keys. */
async function untilGone(
  replicas: readonly TestApp[],
  { namespace, keys }: { readonly namespace: string; readonly keys: readonly string[] },
): Promise<void> {
  for (const replica of replicas) {
    const areGone = async (): Promise<boolean> =>
      (await keysLeft(replica, namespace, keys)).length === 0;
    await waitFor(areGone, { ...SOON, what: "the keys to be gone" });
  }
}

/** How often the script that makes every write ran. */
async function writesTo(server: RedisServer): Promise<number> {
  const stats = await server.command("INFO", "commandstats");
  const calls = [...stats.matchAll(/^cmdstat_(?:eval|evalsha):calls=(\d+).*?failed_calls=(\d+)/gm)];
  return calls.reduce((sum, [, made, failed]) => sum + Number(made) - Number(failed), 0);
}

onBrokers(
  "two replicas: neither serves the old value, the store is touched once",
  async (broker) => {
    await using own = await startRedis();
    const options = { topic: "once", redis: own };
    await using peer = await broker.open("once");
    await using a = await startEventReplica(broker, options);
    await using b = await startEventReplica(broker, options);
    const keys = names(200);
    await fillCopies([a, b], { namespace: "n", keys: [...keys, "other"], value: "old" });
    const before = await writesTo(own);
    await peer.publish(...keys.map((key) => eventMessage({ namespace: "n", keys: [key] })));
    await untilGone([a, b], { namespace: "n", keys });
    assert.equal(await writesTo(own) - before, keys.length);
    assert.equal(await countEvents([a, b], "applied"), keys.length);
    for (const replica of [a, b]) {
      const read = await replica.rest.get("n", "other");
      assert.deepEqual([read.found, read.found && read.source], [true, "local"]);
    }
  },
);

onBrokers("a replica that joins late hears of what comes from then on", async (broker) => {
  const options = { topic: "late", redis: redis() };
  await using peer = await broker.open("late");
  await using a = await startEventReplica(broker, options);
  const [before, after] = [names(50), names(100).slice(50)];
  const namespace = `late-${a.app.httpPort}`;
  await fillCopies([a], { namespace, keys: [...before, ...after], value: "old" });
  await peer.publish(...before.map((key) => eventMessage({ namespace, keys: [key] })));
  await using b = await startEventReplica(broker, options);
  await fillCopies([b], { namespace: `${namespace}-b`, keys: after, value: "old" });
  await peer.publish(...after.flatMap((key) => [
    eventMessage({ namespace, keys: [key] }),
    eventMessage({ namespace: `${namespace}-b`, keys: [key] }),
  ]));
  await untilGone([a, b], { namespace, keys: [...before, ...after] });
  await untilGone([b, a], { namespace: `${namespace}-b`, keys: after });
});

onBrokers("events that came while every replica was down are carried out", async (broker) => {
  const options = { topic: "down", redis: redis() };
  const namespace = `down-${crypto.randomUUID()}`;
  const keys = names(300);
  await using peer = await broker.open("down");
  {
    await using a = await startEventReplica(broker, options);
    await using b = await startEventReplica(broker, options);
    await fillCopies([a, b], { namespace, keys, value: "old" });
  }
  await peer.publish(...keys.map((key) => eventMessage({ namespace, keys: [key] })));
  await using a = await startEventReplica(broker, options);
  await using b = await startEventReplica(broker, options);
  await untilGone([a, b], { namespace, keys });
  await untilApplied([a, b], keys.length);
});

onBrokers("an event that comes again changes nothing that was written since", async (broker) => {
  const options = { topic: "again", redis: redis() };
  const namespace = `again-${crypto.randomUUID()}`;
  await using peer = await broker.open("again");
  await using a = await startEventReplica(broker, options);
  await using b = await startEventReplica(broker, options);
  const told = new TextEncoder().encode("told").toBase64();
  const remove = eventMessage({ namespace, keys: ["removed"], timestamp: Date.now() });
  const update = eventMessage({
    namespace,
    keys: ["updated", "kept"],
    action: "update",
    values: { updated: told, kept: told },
    timestamp: Date.now(),
  });
  await peer.publish(remove, update);
  await untilApplied([a, b], 2);
  await fillCopies([a, b], { namespace, keys: ["updated"], value: "new" });
  const texts = (): Promise<unknown> =>
    Promise.all(
      [a, b].flatMap((replica) =>
        ["removed", "updated", "kept"].map((key) => textAt(replica, namespace, key))
      ),
    );
  const expected = [undefined, "new", "told", undefined, "new", "told"];
  assert.deepEqual(await texts(), expected);
  await peer.publish(update, remove, update, remove);
  await untilApplied([a, b], 6);
  assert.deepEqual(await texts(), expected);
});

onBrokers(
  "of update and delete of a key the later one wins, whoever carries it out",
  async (broker) => {
    const topic = "competing";
    const namespace = `competing-${crypto.randomUUID()}`;
    // Several partitions: Kafka brings the two to different replicas, in any order.
    await using peer = await broker.open(topic, { partitions: 4 });
    await using a = await startEventReplica(broker, { topic, redis: redis() });
    await using b = await startEventReplica(broker, { topic, redis: redis() });
    const keys = names(150);
    await fillCopies([a, b], { namespace, keys, value: "old" });
    const random = new SeededRandom(propertySeed());
    const atMs = Date.now() + 100;
    const values = (key: string): Record<string, string> => ({ [key]: btoa("new") });
    const messages = keys.flatMap((key) => [
      eventMessage({
        namespace,
        keys: [key],
        action: "update",
        values: values(key),
        timestamp: atMs,
      }),
      eventMessage({ namespace, keys: [key], timestamp: atMs + 1 }),
    ]);
    const order = messages.map((message) => ({ message, place: random.uint32() }));
    order.sort((one, other) => one.place - other.place);
    await Promise.all(order.map(({ message }) => peer.publish(message)));
    await untilApplied([a, b], messages.length);
    await untilGone([a, b], { namespace, keys });
  },
);

onBrokers("poison messages stop nothing and are kept with their reasons", async (broker) => {
  const options = { topic: "poison", redis: redis() };
  const namespace = `poison-${crypto.randomUUID()}`;
  await using peer = await broker.open("poison");
  await using a = await startEventReplica(broker, options);
  await using b = await startEventReplica(broker, options);
  const text = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
  const poison: Readonly<Record<string, Uint8Array>> = {
    not_json: new TextEncoder().encode("{"),
    wrong_shape: text({ namespace, keys: "k0", action: "delete", timestamp: 1 }),
    too_large: new Uint8Array(2 * MEBIBYTE),
    too_many_keys: eventMessage({ namespace, keys: names(100_000) }),
    invalid_namespace: eventMessage({ namespace: "a:b", keys: ["k"] }),
    invalid_key: eventMessage({ namespace, keys: [""] }),
    invalid_timestamp: eventMessage({ namespace, keys: ["k"], timestamp: "yesterday" }),
    invalid_value: eventMessage({ namespace, keys: ["k"], action: "update", values: { k: "?" } }),
    invalid_ttl: eventMessage({ namespace, keys: ["k"], action: "update", ttl_seconds: -1 }),
    unknown_version: text({ version: 9, namespace, keys: ["k"], action: "delete", timestamp: 1 }),
  };
  const keys = names(Object.keys(poison).length);
  await fillCopies([a, b], { namespace, keys: [...keys, "k"], value: "old" });
  for (const [i, message] of Object.values(poison).entries()) {
    await peer.publish(message, eventMessage({ namespace, keys: [keys[i] ?? ""] }));
  }
  await untilGone([a, b], { namespace, keys });
  const reasons: string[] = [];
  await waitFor(async () => {
    reasons.push(...await peer.deadReasons());
    return reasons.length >= keys.length;
  }, { ...SOON, what: "the dead letters" });
  assert.deepEqual(reasons.toSorted(), Object.keys(poison).toSorted());
  assert.equal(await countEvents([a, b], "dead"), keys.length);
  assert.deepEqual([await textAt(a, namespace, "k"), await textAt(b, namespace, "k")], [
    "old",
    "old",
  ]);
});
