// Requirements 8.3, 10.1, 10.3: a Redis Cluster changes its shape under the near cache.
import assert from "node:assert/strict";
import { systemClock } from "../../src/system.ts";
import { callWithin } from "../harness/cache_services.ts";
import { connectReplica, type Replica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import type { RedisServer } from "../support/redis_server.ts";
import { beginSlotMove } from "../support/slot_move.ts";
import { waitFor } from "../support/wait_for.ts";
import { NAMESPACE, pause, read, set, untilCopied } from "./one_byte.ts";

const BOUND_MS = 2000;
const SLACK_MS = 700;

/** Waits until Redis itself answers for every key again. */
async function untilNormal(replica: Replica, keys: readonly string[]): Promise<void> {
  await waitFor(async () => {
    const reads = keys.map((key) =>
      replica.service.get({ namespace: NAMESPACE, key }, {
        ...callWithin(systemClock),
        noCache: true,
      })
    );
    return (await Promise.all(reads)).every(({ degraded }) => !degraded);
  }, { deadlineMs: 30_000, what: "the Cluster to serve every key", intervalMs: 100 });
}

serverTest({
  name: "a master is killed and its replica promoted: writes arrive, and copies are coherent again",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster({ replicasPerMaster: 1 });
    const options = { addresses: cluster.addresses, clusterMode: true, timeoutMs: 1000 };
    await using replica = await connectReplica(options);
    await using other = await connectReplica(options);
    const keys = Array.from({ length: 100 }, (_, i) => `promoted-${i}`);
    await Promise.all(keys.map((key) => set(other, { key, byte: 1 })));
    await Promise.all(keys.map((key) => untilCopied(replica, key)));

    await cluster.nodes[0]?.kill();
    const degraded = await Promise.all(keys.map((key) => set(replica, { key, byte: 2 })));
    const owed = keys.filter((_, i) => degraded[i]);
    assert(owed.length > keys.length / 6 && owed.length < keys.length / 2, `${owed.length} owed`);
    for (const key of keys) assert.equal((await read(replica, key)).byte, 2);

    await waitFor(() => replica.local.journal.size === 0, {
      deadlineMs: 30_000,
      what: "what was acknowledged to reach the promoted replica",
    });
    await Promise.all([untilNormal(replica, keys), untilNormal(other, keys)]);
    for (const key of keys) assert.equal((await read(other, key)).byte, 2);

    await Promise.all(keys.map((key) => untilCopied(replica, key)));
    await Promise.all(keys.map((key) => set(other, { key, byte: 3 })));
    const writtenAtMs = performance.now();
    for (const key of keys) {
      await waitFor(async () => (await read(replica, key)).byte === 3, {
        deadlineMs: BOUND_MS + SLACK_MS,
        what: "the new value",
      });
    }
    assert(performance.now() - writtenAtMs < BOUND_MS + SLACK_MS);
    await Promise.all(keys.map((key) => untilCopied(replica, key)));
  },
});

/** Moves the slot of `keys` (Redis keys) to another master, a key at a time. */
async function moveSlot(nodes: readonly RedisServer[], keys: readonly string[]): Promise<void> {
  const move = await beginSlotMove(nodes, { key: keys[0] ?? "" });
  for (const key of keys) {
    await move.migrate(key);
    await pause(20);
  }
  await move.end();
}

serverTest({
  name: "a slot moves while its keys are written and read: no miss, nothing older than the bound",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    const options = { addresses: cluster.addresses, clusterMode: true };
    await using reader = await connectReplica(options);
    await using writer = await connectReplica(options);
    // One tag, so one slot.
    const keys = Array.from({ length: 40 }, (_, i) => `{moving}-${i}`);
    await Promise.all(keys.map((key) => set(writer, { key, byte: 0 })));
    await Promise.all(keys.map((key) => untilCopied(reader, key)));

    let isOver = false;
    /** When each value of a key was acknowledged. */
    const acknowledgedAtMs = new Map(keys.map((key) => [key, [performance.now()]]));
    const keepWriting = async (key: string): Promise<void> => {
      const times = acknowledgedAtMs.get(key) ?? [];
      while (!isOver && times.length < 250) {
        assert.equal(await set(writer, { key, byte: times.length }), false);
        times.push(performance.now());
        assert.equal((await read(writer, key)).byte, times.length - 1);
        await pause(40);
      }
    };
    let longestStaleMs = 0;
    let localReads = 0;
    const keepReading = async (key: string): Promise<void> => {
      const times = acknowledgedAtMs.get(key) ?? [];
      while (!isOver) {
        const beganAtMs = performance.now();
        const { byte, from } = await read(reader, key);
        assert(byte !== undefined && !from.includes("degraded"), `${key} is a ${from}`);
        if (from === "local") localReads++;
        const outdatedAtMs = times[byte + 1] ?? Infinity;
        longestStaleMs = Math.max(longestStaleMs, beganAtMs - outdatedAtMs);
        await pause(5);
      }
    };
    const working = Promise.all(keys.flatMap((key) => [keepWriting(key), keepReading(key)]));
    working.catch(() => {});
    try {
      await pause(200);
      await moveSlot(cluster.nodes, keys.map((key) => `cache:${NAMESPACE}:${key}`));
      await pause(BOUND_MS);
    } finally {
      isOver = true;
      await working;
    }
    assert(localReads > 0);
    assert(longestStaleMs < BOUND_MS + SLACK_MS, `stale for ${longestStaleMs} ms`);
    for (const key of keys) {
      const byte = (acknowledgedAtMs.get(key)?.length ?? 0) - 1;
      await untilCopied(reader, key);
      assert.deepEqual(await read(reader, key), { byte, from: "local" });
    }
  },
});
