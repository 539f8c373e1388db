import assert from "node:assert/strict";
import type { KafkaBus } from "../../src/bus/kafka_bus.ts";
import type { InvalidationEvent } from "../../src/core/bus.ts";
import { CacheError } from "../../src/core/errors.ts";
import { isConnected, kafkaBus, KafkaPeer } from "../harness/kafka_buses.ts";
import { eventNames, Heard, namedEvent } from "../harness/heard_events.ts";
import { systemRandom } from "../../src/system.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import { KAFKA_PROGRAMS, startKafka } from "../support/kafka_server.ts";
import { waitFor } from "../support/wait_for.ts";

const needs = KAFKA_PROGRAMS;
const SHORTEST_SESSION_MS = 6_000;
const server = sharedServer({ needs, start: () => startKafka({ partitions: 3 }) });

/** Pauses of reconnecting are then as long as they get. */
const patient = { uint32: () => 2 ** 32 - 1, bytes: systemRandom.bytes };

function newTopic(): string {
  return `events-${crypto.randomUUID()}`;
}

/** A bus of a group of its own, for groups outlive a test's topic. */
function open(topic: string, overrides: Partial<Parameters<typeof kafkaBus>[0]> = {}): KafkaBus {
  return kafkaBus({ urls: [server().address], topic, groupId: topic, ...overrides });
}

/** Namespaces spread over the partitions. */
function inSomeNamespace(name: string): InvalidationEvent {
  return namedEvent(name, { namespace: `users-${name.at(-1)}` });
}

/** Publishes each event until the broker confirms it. */
async function publishAll(bus: KafkaBus, events: readonly string[]): Promise<void> {
  for (const name of events) {
    await waitFor(() => bus.publish(inSomeNamespace(name)).then(() => true), {
      deadlineMs: 60_000,
      intervalMs: 50,
      what: `the broker to take ${name}`,
    });
  }
}

serverTest({
  name: "Kafka may come after the service, and may restart under load: no event is lost",
  needs,
  async fn(): Promise<void> {
    await using kafka = await startKafka({ partitions: 3 });
    await kafka.kill();
    const applied = new Heard();
    const own = new Heard();
    const bus = kafkaBus({ urls: [kafka.address], topic: "events" });
    try {
      bus.subscribe("shared", applied.handler);
      bus.subscribe("private", own.handler);
      await waitFor(() => bus.status() === "disconnected", {
        deadlineMs: 10_000,
        what: "a failure",
      });
      await assert.rejects(
        () => bus.publish(namedEvent("early")),
        (error) => error instanceof CacheError && error.code === "broker_unavailable",
      );
      await kafka.launch();
      await isConnected(bus);
      const events = eventNames(1_000);
      const publishing = publishAll(bus, events);
      await applied.until(events.slice(0, 200));
      await kafka.restart();
      await publishing;
      await applied.until(events, 60_000);
      await own.until(events, 60_000);
    } finally {
      await bus.close();
    }
  },
});

serverTest({
  name: "events come while replicas join and leave the group",
  needs,
  async fn(): Promise<void> {
    const topic = newTopic();
    const applied = new Heard();
    const staying = open(topic);
    const publisher = open(topic);
    try {
      staying.subscribe("shared", applied.handler);
      await isConnected(staying);
      await isConnected(publisher);
      const events = eventNames(600);
      const publishing = publishAll(publisher, events);
      const passing = open(topic);
      passing.subscribe("shared", applied.handler);
      await isConnected(passing);
      await waitFor(() => applied.events.length >= 300, {
        deadlineMs: 30_000,
        what: "half of the events",
      });
      await passing.close();
      await publishing;
      await applied.until(events);
    } finally {
      await Promise.all([staying, publisher].map((bus) => bus.close()));
    }
  },
});

serverTest({
  name: "a consumer on which kafkajs gave up is built anew",
  needs,
  async fn(): Promise<void> {
    const topic = newTopic();
    await using peer = await KafkaPeer.open(server().address);
    await peer.admin.createTopics({ topics: [{ topic }] });
    const applied = new Heard();
    const bus = open(topic);
    try {
      // While it is there, the group refuses members that assign partitions in another way.
      const stranger = await peer.strangerIn(topic);
      bus.subscribe("shared", applied.handler);
      await waitFor(() => bus.status() === "disconnected", { deadlineMs: 10_000, what: "refusal" });
      await publishAll(bus, ["one"]);
      await stranger.disconnect();
      await applied.until(["one"]);
      assert.equal(bus.status(), "connected");
    } finally {
      await bus.close();
    }
  },
});

serverTest({
  name: "an outage of the store longer than the session keeps the member and loses nothing",
  needs,
  async fn(): Promise<void> {
    const topic = newTopic();
    await using peer = await KafkaPeer.open(server().address);
    const applied = new Heard();
    let isAway = false;
    const bus = open(topic, { sessionTimeoutMs: SHORTEST_SESSION_MS });
    try {
      bus.subscribe("shared", (event) => {
        if (isAway) return Promise.reject(new CacheError("redis_unavailable", "Away."));
        return applied.handler(event);
      });
      await isConnected(bus);
      await publishAll(bus, ["before"]);
      await applied.until(["before"]);
      const member = await peer.members(topic);
      isAway = true;
      await publishAll(bus, eventNames(40));
      const backAtMs = performance.now() + 2 * SHORTEST_SESSION_MS;
      await waitFor(() => performance.now() >= backAtMs, {
        deadlineMs: 60_000,
        what: "two sessions",
      });
      assert.deepEqual(await peer.members(topic), member);
      isAway = false;
      await applied.until(eventNames(40));
      assert.deepEqual(await peer.members(topic), member);
      assert.equal(applied.events.length, 41);
    } finally {
      await bus.close();
    }
  },
});

serverTest({
  name: "an event that hangs is not committed, nor are those after it: they come to the next",
  needs,
  async fn(): Promise<void> {
    const topic = newTopic();
    await using peer = await KafkaPeer.open(server().address);
    await peer.admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    const [first, second] = [new Heard(), new Heard()];
    const events = eventNames(10);
    const never = new Promise<void>(() => {});
    const [publisher, leaving, following] = [open(topic), open(topic), open(topic)];
    try {
      await isConnected(publisher);
      await publishAll(publisher, events);
      leaving.subscribe("shared", async (event) => {
        if (event.keys[0] === "e003") await never;
        await first.handler(event);
      });
      await first.until(events.filter((name) => name !== "e003"));
      await leaving.close();
      assert.deepEqual(await peer.committed(topic, topic), ["-1"]);
      following.subscribe("shared", second.handler);
      await second.until(events);
    } finally {
      await Promise.all([publisher, leaving, following].map((bus) => bus.close()));
    }
  },
});

serverTest({
  name:
    "a private subscription hears from now on, also after Kafka was away, and leaves no offsets",
  needs,
  async fn(): Promise<void> {
    const topic = newTopic();
    await using kafka = await startKafka({ partitions: 3 });
    await using peer = await KafkaPeer.open(kafka.address);
    await peer.admin.createTopics({ topics: [{ topic }] });
    const publishRaw = (name: string): Promise<void> =>
      peer.publish(
        topic,
        new TextEncoder().encode(JSON.stringify({
          namespace: "users",
          keys: [name],
          action: "delete",
          timestamp: 1,
        })),
      );
    await publishRaw("past");
    const applied = new Heard();
    const bus = open(topic, { urls: [kafka.address], random: patient });
    try {
      bus.subscribe("private", applied.handler);
      await isConnected(bus);
      await publishRaw("present");
      await applied.until(["present"]);
      await kafka.kill();
      await waitFor(() => bus.status() === "disconnected", { deadlineMs: 30_000, what: "the end" });
      await kafka.launch();
      await waitFor(() => publishRaw("future").then(() => true), {
        deadlineMs: 10_000,
        what: "the peer",
      });
      await applied.until(["future"]);
      assert.deepEqual([...new Set(applied.names)], ["future", "present"]);
      const { groups } = await peer.admin.listGroups();
      const own = groups.find(({ groupId }) => groupId.startsWith(`${topic}.`))?.groupId;
      assert.deepEqual(await peer.committed(own ?? "", topic), ["-1", "-1", "-1"]);
    } finally {
      await bus.close();
    }
  },
});
