// Requirements 3.1 to 3.4, 7.5: invalidation events against reads and writes of the same moment, and
// against writes that were journaled in an outage.
import assert from "node:assert/strict";
import { startTestApp, type TestApp } from "../harness/apps.ts";
import { eventBrokers, eventMessage } from "../harness/event_brokers.ts";
import {
  countEvents,
  fillCopies,
  startEventReplica,
  textAt,
  untilApplied,
} from "../harness/event_replicas.ts";
import { sharedServer } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { propertySeed, SeededRandom } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";

const RACES = 300;
/** Races that go on at once. */
const LANES = 30;
/** Within which all of a race begins; an event takes about as long to arrive. */
const RACE_MS = 12;
const SOON = { deadlineMs: 20_000, intervalMs: 20 };

const onBrokers = eventBrokers();
const redis = sharedServer({ needs: ["redis-server"], start: () => startRedis() });

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function set({ rest }: TestApp, key: string, value: string): Promise<{ degraded: boolean }> {
  return await rest.set({ namespace: "n", key, value: new TextEncoder().encode(value) });
}

onBrokers("an event for a key that is read and written at that moment", async (broker) => {
  const seed = propertySeed();
  const random = new SeededRandom(seed);
  const prefix = { REDIS_KEY_PREFIX: `${crypto.randomUUID()}:` };
  const options = { topic: "races", redis: redis(), env: prefix };
  await using peer = await broker.open("races");
  await using a = await startEventReplica(broker, options);
  await using b = await startEventReplica(broker, options);
  const keys = Array.from({ length: RACES }, (_, i) => `k${i}`);
  await fillCopies([a, b], { namespace: "n", keys, value: "old" });
  const race = async (key: string): Promise<void> => {
    const at = async (act: () => Promise<unknown>): Promise<void> => {
      await pause(random.below(RACE_MS));
      await act();
    };
    const readers = Array.from({ length: 6 }, (_, i) => i % 2 === 0 ? a : b);
    await Promise.all([
      ...readers.map((replica) => at(() => textAt(replica, "n", key))),
      at(() => set(random.below(2) === 0 ? a : b, key, "new")),
      at(() => peer.publish(eventMessage({ namespace: "n", keys: [key], timestamp: Date.now() }))),
    ]);
  };
  for (let i = 0; i < RACES; i += LANES) await Promise.all(keys.slice(i, i + LANES).map(race));
  await untilApplied([a, b], RACES);
  const outcomes = new Map<string | undefined, number>();
  await using plain = await startTestApp({
    ...prefix,
    REDIS_ADDRESSES: redis().address,
    CACHE_LOCAL_CACHE_ENABLED: "false",
  });
  for (const key of keys) {
    const stored = await textAt(plain, "n", key);
    assert.notEqual(stored, "old", `${key}, PROPERTY_SEED=${seed}`);
    outcomes.set(stored, (outcomes.get(stored) ?? 0) + 1);
    for (const replica of [a, b]) {
      await waitFor(async () => await textAt(replica, "n", key) === stored, {
        ...SOON,
        what: `${key} to be ${stored} everywhere (PROPERTY_SEED=${seed})`,
      });
    }
  }
  assert.equal(outcomes.size, 2, `no real race: ${JSON.stringify([...outcomes])}`);
});

onBrokers(
  "an event of an outage against writes journaled in it: the later one stands",
  async (broker) => {
    await using own = await startRedis({ appendOnly: true });
    const options = { topic: "outage", redis: own };
    await using peer = await broker.open("outage");
    await using a = await startEventReplica(broker, options);
    await using b = await startEventReplica(broker, options);
    const keys = ["written then removed", "removed then written", "updated then written"];
    await fillCopies([a, b], { namespace: "n", keys, value: "old" });
    const beforeMs = Date.now() + 100;
    await pause(300);
    await own.kill();
    for (const key of keys) {
      await waitFor(async () => (await set(a, key, "new")).degraded, {
        ...SOON,
        what: "a write to be journaled",
      });
    }
    const [removed = "", rewritten = "", updated = ""] = keys;
    const afterMs = Date.now() + 200;
    await peer.publish(
      eventMessage({ namespace: "n", keys: [removed, "other"], timestamp: afterMs }),
      eventMessage({ namespace: "n", keys: [rewritten], timestamp: beforeMs }),
      eventMessage({
        namespace: "n",
        keys: [updated],
        action: "update",
        values: { [updated]: btoa("earlier") },
        timestamp: beforeMs,
      }),
    );
    await waitFor(async () => await countEvents([a, b], "retried") > 0, {
      ...SOON,
      what: "an event to wait for Redis",
    });
    assert.equal(await countEvents([a, b], "applied"), 0);
    // Journals are left alone.
    assert.equal(await textAt(a, "n", removed), "new");
    await own.restart({ keepData: true });
    await untilApplied([a, b], 3);
    for (const replica of [a, b]) {
      const settled = async (): Promise<true> => {
        assert.equal(await textAt(replica, "n", removed), undefined);
        assert.equal(await textAt(replica, "n", updated), "new");
        // A delete that finds the later write in place removes it too: a needless miss does no harm.
        assert.notEqual(await textAt(replica, "n", rewritten), "old");
        const { origin } = replica;
        assert.equal((await (await fetch(`${origin}/health`)).json()).status, "ok");
        return true;
      };
      await waitFor(settled, { ...SOON, what: "the replicas to settle" });
    }
  },
);
