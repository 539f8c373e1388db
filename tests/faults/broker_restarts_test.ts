// Requirements 3.1, 3.2, 3.5: no event is lost while the broker is killed and restarted under load.
// For a whole minute, with numbers to look at:
//   BROKER_RESTARTS_SECONDS=60 deno test -A tests/faults/broker_restarts_test.ts
import assert from "node:assert/strict";
import { startTestApp } from "../harness/apps.ts";
import { eventMessage, onOwnBrokers } from "../harness/event_brokers.ts";
import { countEvents, fillCopies, keysLeft, startEventReplica } from "../harness/event_replicas.ts";
import { SteadyPublisher } from "../harness/steady_publisher.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";

const LONG_RUN = Deno.env.get("BROKER_RESTARTS_SECONDS");
const SECONDS = Number(LONG_RUN ?? 10);
const EVENTS_PER_SECOND = 500;
const RESTARTS = 2;
/** The longest pause between attempts to reach the broker is 30 s. */
const DEADLINE_MS = 90_000;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

onOwnBrokers(
  "500 events a second while the broker is killed twice: none is lost",
  async (broker) => {
    await using redis = await startRedis();
    const keys = Array.from({ length: SECONDS * EVENTS_PER_SECOND }, (_, i) => `k${i}`);
    const namespace = "n";
    const env = { CACHE_LOCAL_CACHE_SIZE: `${keys.length + 1}` };
    const options = { topic: "restarts", redis, env };
    await using a = await startEventReplica(broker, options);
    await using b = await startEventReplica(broker, options);
    // It has no copies of its own: it tells what Redis holds.
    await using plain = await startTestApp({
      REDIS_ADDRESSES: redis.address,
      CACHE_LOCAL_CACHE_ENABLED: "false",
    });
    await fillCopies([a, b], { namespace, keys: [...keys, "other"], value: "old" });

    await using publisher = new SteadyPublisher(broker, "restarts");
    const messages = keys.map((key) => eventMessage({ namespace, keys: [key] }));
    const published = publisher.publish(messages, { perSecond: EVENTS_PER_SECOND });
    const startedAtMs = performance.now();
    for (let restart = 1; restart <= RESTARTS; restart++) {
      await pause(SECONDS * 1000 / (RESTARTS + 2));
      await broker.restart();
    }
    await published;
    const publishedAtMs = performance.now();

    for (const replica of [plain, a, b]) {
      let left = keys;
      await waitFor(async () => {
        left = await keysLeft(replica, namespace, left);
        return left.length === 0;
      }, { deadlineMs: DEADLINE_MS, intervalMs: 200, what: "every event to be carried out" });
    }
    for (const replica of [plain, a, b]) {
      assert.deepEqual(await keysLeft(replica, namespace, ["other"]), ["other"]);
    }
    const applied = await countEvents([a, b], "applied");
    assert(applied >= keys.length);
    assert.equal(await countEvents([a, b], "dead"), 0);
    if (LONG_RUN === undefined) return;
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
    // deno-lint-ignore no-console -- a long run is looked at
    console.log(
      `${keys.length} events confirmed in ${seconds(publishedAtMs - startedAtMs)}, ` +
        `${applied} carried out; the last keys were gone ` +
        `${seconds(performance.now() - publishedAtMs)} later`,
    );
  },
);
