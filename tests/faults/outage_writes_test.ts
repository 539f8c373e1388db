// Requirements 7.1 to 7.5: what becomes of writes that come while Redis is away.
import assert from "node:assert/strict";
import type { Clock } from "../../src/core/clock.ts";
import { systemClock } from "../../src/system.ts";
import { startTestApp } from "../harness/apps.ts";
import { callWithin } from "../harness/cache_services.ts";
import { connectReplica, type Replica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { startRedis } from "../support/redis_server.ts";
import { propertySeed, SeededRandom } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";
import { NAMESPACE, pause, read, remove, set, untilCopied } from "./one_byte.ts";

const KEYS = Array.from({ length: 40 }, (_, i) => `order-${i}`);
const ROUNDS = 6;
const SEED = propertySeed();
const call = () => callWithin(systemClock);

/** This machine's clock, with a wall clock that is wrong. */
function skewed(byMs: number): Clock {
  return { ...systemClock, wallMs: () => systemClock.wallMs() + byMs };
}

/** What stands under each key after all writes: a byte, or nothing once deleted. */
type Expected = Map<string, number | undefined>;

/**
 * Rounds of writes and deletes of the same keys, by the replicas in turn. Between two replicas' writes
 * passes more time than their clocks may differ, so that the order in real time is certain.
 */
async function writeInTurn(replicas: readonly Replica[], random: SeededRandom): Promise<Expected> {
  const expected: Expected = new Map();
  const first = random.below(replicas.length);
  for (let round = 0; round < ROUNDS; round++) {
    const replica = replicas[(first + round) % replicas.length];
    assert(replica !== undefined);
    await Promise.all(KEYS.map(async (key) => {
      const choice = random.below(4);
      if (choice === 0) return;
      const byte = choice === 1 ? undefined : random.below(256);
      expected.set(key, byte);
      await (byte === undefined ? remove(replica, key) : set(replica, { key, byte }));
      // Every replica reads its own write, whether Redis has it or not.
      assert.equal((await read(replica, key)).byte, byte);
    }));
    const uncertaintiesMs = replicas.map(({ store }) => store.time.uncertaintyMs());
    await pause(2 * uncertaintiesMs.reduce((sum, one) => sum + one, 0) + 5);
  }
  return expected;
}

async function assertConverged(replicas: readonly Replica[], expected: Expected): Promise<void> {
  for (const { local } of replicas) {
    await waitFor(() => local.journal.size === 0, { deadlineMs: 10_000, what: "the replay" });
  }
  for (const replica of replicas) {
    for (const [key, byte] of expected) {
      await waitFor(async () => {
        const answer = await read(replica, key);
        return answer.byte === byte && !answer.from.includes("degraded");
      }, { deadlineMs: 5000, what: `${key} to be ${byte} everywhere (PROPERTY_SEED=${SEED})` });
    }
  }
}

serverTest({
  name: "two replicas write and delete the same keys in an outage: the last write wins on both",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    const random = new SeededRandom(SEED);
    await using redis = await startRedis({ appendOnly: true });
    const addresses = [redis.address];
    await using a = await connectReplica({ addresses, clock: skewed(5000), timeoutMs: 1000 });
    await using b = await connectReplica({ addresses, clock: skewed(-5000), timeoutMs: 1000 });
    const before = await writeInTurn([a, b], random);
    await redis.kill();
    await waitFor(() => [a, b].every(({ service }) => service.health().degraded), {
      deadlineMs: 5000,
      what: "both to notice",
    });
    const during = await writeInTurn([a, b], random);
    assert(a.local.journal.size > 0 && b.local.journal.size > 0);
    await redis.restart({ keepData: true });
    await using fresh = await connectReplica({ addresses });
    await assertConverged([a, b, fresh], new Map([...before, ...during]));
    assert(a.replayed.superseded + b.replayed.superseded > 0, "no two writes met");
  },
});

serverTest({
  name: "one of two replicas is cut off while the other goes on: the last write wins on both",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    const random = new SeededRandom(SEED);
    await using redis = await startRedis();
    await using proxy = await startFaultProxy({ target: redis });
    await using a = await connectReplica({ addresses: [proxy.address], clock: skewed(5000) });
    await using b = await connectReplica({ addresses: [redis.address], clock: skewed(-5000) });
    for (let outage = 0; outage < 3; outage++) {
      proxy.refuse();
      proxy.cut();
      const during = await writeInTurn([a, b], random);
      proxy.heal();
      await assertConverged([a, b], during);
    }
    assert(a.replayed.replayed > 0 && a.replayed.superseded > 0);
    assert.equal(b.replayed.replayed + b.replayed.superseded, 0);
  },
});

serverTest({
  name:
    "an outage longer than the journal holds: what does not fit is refused whole, the rest arrives",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis({ appendOnly: true });
    const addresses = [redis.address];
    await using replica = await connectReplica({ addresses, journalEntries: 10, timeoutMs: 1000 });
    await set(replica, { key: "before", byte: 1 });
    await redis.kill();
    const refusal = (error: { code?: string; retryAfterSeconds?: number }): boolean => {
      assert.match(error.code ?? "", /^(redis_unavailable|circuit_open)$/);
      assert((error.retryAfterSeconds ?? 0) >= 1);
      return true;
    };
    const batchOf = (keys: readonly string[]): Promise<unknown> => {
      const entries = new Map(keys.map((key) => [key, Uint8Array.of(9)]));
      return replica.service.batchSet({ namespace: NAMESPACE, entries }, call());
    };
    for (let i = 0; i < 8; i++) {
      assert.equal(await set(replica, { key: `held-${i}`, byte: i }), true);
    }
    await assert.rejects(batchOf(["held-0", "new-1", "new-2", "new-3"]), refusal);
    assert.equal(replica.local.journal.size, 8);
    assert.deepEqual(await read(replica, "held-0"), { byte: 0, from: "local degraded" });
    assert.deepEqual(await read(replica, "new-1"), { byte: undefined, from: "miss degraded" });
    await batchOf(["held-0", "new-1", "new-2"]);
    assert.equal(replica.local.journal.size, 10);

    await assert.rejects(set(replica, { key: "new-4", byte: 1 }), refusal);
    await assert.rejects(remove(replica, "before"), refusal);
    assert.equal(await set(replica, { key: "held-7", byte: 77 }), true);

    await redis.restart({ keepData: true });
    await waitFor(() => replica.local.journal.size === 0, { deadlineMs: 5000, what: "the replay" });
    await using fresh = await connectReplica({ addresses });
    const wanted: Record<string, number | undefined> = {
      "before": 1,
      "held-0": 9,
      "held-1": 1,
      "held-6": 6,
      "held-7": 77,
      "new-1": 9,
      "new-2": 9,
      "new-3": undefined,
      "new-4": undefined,
    };
    for (const [key, byte] of Object.entries(wanted)) {
      assert.equal((await read(fresh, key)).byte, byte, key);
    }
    await waitFor(async () => !await set(replica, { key: "new-4", byte: 1 }), {
      deadlineMs: 5000,
      what: "ordinary writes",
    });
  },
});

serverTest({
  name: "CACHE_DEGRADED_WRITES=reject: writes are refused, reads go on from copies",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using replica = await connectReplica({
      addresses: [redis.address],
      acceptsWrites: false,
      timeoutMs: 1000,
    });
    await set(replica, { byte: 1 });
    await untilCopied(replica);
    await redis.kill();
    const refusal = { code: /^(redis_unavailable|circuit_open)$/, retryAfterSeconds: 1 };
    await assert.rejects(set(replica, { key: "other", byte: 2 }), refusal);
    await assert.rejects(remove(replica, "other"), refusal);
    assert.deepEqual(await read(replica), { byte: 1, from: "local degraded" });
    assert.equal(replica.local.journal.size, 0);
  },
});

for (
  const [what, settings] of [
    ["writes are to be rejected", { CACHE_DEGRADED_WRITES: "reject" }],
    ["the journal is full", { CACHE_JOURNAL_MAX_ENTRIES: "1" }],
  ] as const
) {
  serverTest({
    name: `503 with Retry-After over REST while Redis is away and ${what}`,
    needs: ["redis-server"],
    async fn(): Promise<void> {
      await using redis = await startRedis();
      await using app = await startTestApp({
        REDIS_ADDRESSES: redis.address,
        SERVER_GRACEFUL_TIMEOUT: "500ms",
        ...settings,
      });
      const put = (key: string): Promise<Response> =>
        fetch(`${app.origin}/api/v1/cache/n/${key}`, {
          method: "PUT",
          headers: { "content-type": "application/octet-stream" },
          body: "v",
        });
      const before = await put("first");
      assert.equal(before.status, 200, await before.text());
      await redis.kill();
      const first = await put("first");
      await first.body?.cancel();
      assert.equal(first.status, what === "the journal is full" ? 200 : 503);
      const second = await put("second");
      assert.equal(second.status, 503);
      assert.match(second.headers.get("retry-after") ?? "", /^\d+$/);
      assert.match((await second.json()).code, /^(redis_unavailable|circuit_open)$/);
    },
  });
}
