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
/**
 * Within which all of a race begins; an event takes about as long to arrive. On a busy machine it
 * takes longer, so that the first races are won by the event alone.
 */
const RACE_MS = [12, 60, 300];
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
  await using plain = await startTestApp({
    ...prefix,
    REDIS_ADDRESSES: redis().address,
    CACHE_LOCAL_CACHE_ENABLED: "false",
  });
  const race = async (key: string, raceMs: number): Promise<void> => {
    const at = async (act: () => Promise<unknown>): Promise<void> => {
      await pause(random.below(raceMs));
      await act();
    };
    const readers = Array.from({ length: 6 }, (_, i) => i % 2 === 0 ? a : b);
    await Promise.all([
      ...readers.map((replica) => at(() => textAt(replica, "n", key))),
      at(() => set(random.below(2) === 0 ? a : b, key, "new")),
      at(() => peer.publish(eventMessage({ namespace: "n", keys: [key], timestamp: Date.now() }))),
    ]);
  };
  const outcomes = new Set<string | undefined>();
  for (const [round, raceMs] of RACE_MS.entries()) {
    const keys = Array.from({ length: RACES }, (_, i) => `k${round}-${i}`);
    await fillCopies([a, b], { namespace: "n", keys, value: "old" });
    for (let i = 0; i < RACES; i += LANES) {
      await Promise.all(keys.slice(i, i + LANES).map((key) => race(key, raceMs)));
    }
    await untilApplied([a, b], (round + 1) * RACES);
    for (const key of keys) {
      const stored = await textAt(plain, "n", key);
      assert.notEqual(stored, "old", `${key}, PROPERTY_SEED=${seed}`);
      outcomes.add(stored);
      for (const replica of [a, b]) {
        await waitFor(async () => await textAt(replica, "n", key) === stored, {
          ...SOON,
          what: `${key} to be ${stored} everywhere (PROPERTY_SEED=${seed})`,
        });
      }
    }
    if (outcomes.size === 2) return;
  }
  assert.fail(`no real race: ${[...outcomes]}`);
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
