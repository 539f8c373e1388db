// Requirements 7.1 to 7.4, 9.2: what is not broken goes on as if nothing were.
import assert from "node:assert/strict";
import { systemClock } from "../../src/system.ts";
import { callWithin } from "../harness/cache_services.ts";
import { connectReplica, type Replica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { clientsOf } from "../support/redis_client_list.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { NAMESPACE, pause, read, set, untilCopied } from "./one_byte.ts";

const KEYS = Array.from({ length: 200 }, (_, i) => `part-${i}`);
const AT_ONCE_MS = 400;
const KEPT = { byte: 1, from: "local degraded" };

/** Asks Redis for a key, not the near cache. */
async function ask(replica: Replica, key: string): Promise<{ degraded: boolean; tookMs: number }> {
  const startedAtMs = performance.now();
  const call = { ...callWithin(systemClock), noCache: true };
  const { degraded } = await replica.service.get({ namespace: NAMESPACE, key }, call);
  return { degraded, tookMs: performance.now() - startedAtMs };
}

serverTest({
  name: "one of ten connections is black-holed: its keys alone are affected, and they recover",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using proxy = await startFaultProxy({ target: redis });
    await using replica = await connectReplica({
      addresses: [proxy.address],
      poolSize: 10,
      timeoutMs: 1000,
    });
    await Promise.all(KEYS.map((key) => set(replica, { key, byte: 1 })));
    await Promise.all(KEYS.map((key) => untilCopied(replica, key)));

    const victim = (await clientsOf(redis)).find(({ isTracked }) => isTracked);
    proxy.blackhole({ only: ({ upstreamPort }) => upstreamPort === victim?.port });
    const silentAtMs = performance.now();
    const affected = new Set<string>();
    const slow = new Set<string>();
    let isOver = false;
    const askOn = async (key: string): Promise<void> => {
      while (!isOver) {
        const { degraded, tookMs } = await ask(replica, key);
        if (degraded) affected.add(key);
        if (tookMs > AT_ONCE_MS) slow.add(key);
        await pause(50);
      }
    };
    const asking = Promise.all(KEYS.map(askOn));
    asking.catch(() => {});
    try {
      await waitFor(() => affected.size > 0, { deadlineMs: 5000, what: "the fault to be felt" });
      await waitFor(async () =>
        (await Promise.all(KEYS.map((key) => ask(replica, key)))).every(
          ({ degraded }) => !degraded,
        ), { deadlineMs: 8000, what: "all keys to be normal again" });
    } finally {
      isOver = true;
      await asking;
    }
    const tookMs = performance.now() - silentAtMs;
    assert(tookMs < 5000, `normal only after ${tookMs} ms`);
    assert(
      affected.size < KEYS.length / 4,
      `${affected.size} of ${KEYS.length} keys were degraded`,
    );
    assert(slow.isSubsetOf(affected), `${slow.difference(affected).size} other keys were slow`);
  },
});

serverTest({
  name: "one of three masters is dead: its keys alone are degraded, at once, and arrive afterwards",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    for (const node of cluster.nodes) {
      await node.command("CONFIG", "SET", "cluster-require-full-coverage", "no");
    }
    await using replica = await connectReplica({
      addresses: cluster.addresses,
      clusterMode: true,
      timeoutMs: 1000,
    });
    await Promise.all(KEYS.map((key) => set(replica, { key, byte: 1 })));
    await Promise.all(KEYS.map((key) => untilCopied(replica, key)));
    const [dead] = cluster.nodes;
    assert(dead !== undefined);
    const size = Number((await dead.command("DBSIZE")).replace(":", ""));
    assert(size > KEYS.length / 6 && size < KEYS.length / 2, `${size} keys on the master`);

    await dead.kill();
    const first = await Promise.all(KEYS.map((key) => ask(replica, key)));
    const lost = KEYS.filter((_, i) => first[i]?.degraded);
    assert.equal(lost.length, size);
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(KEYS.map((key) => ask(replica, key)));
      assert.deepEqual(KEYS.filter((_, i) => answers[i]?.degraded), lost);
      const slowest = Math.max(...answers.map(({ tookMs }) => tookMs));
      assert(slowest < AT_ONCE_MS, `an answer took ${slowest} ms`);
      await pause(100);
    }
    for (const key of lost) assert.deepEqual(await read(replica, key), KEPT);

    const entries = new Map(KEYS.map((key) => [key, Uint8Array.of(2)]));
    const batch = await replica.service.batchSet(
      { namespace: NAMESPACE, entries },
      callWithin(systemClock),
    );
    assert.deepEqual(batch, { success: true, storedCount: KEYS.length, degraded: true });
    assert.equal(replica.local.journal.size, size);
    for (const key of KEYS) {
      const { byte, from } = await read(replica, key);
      assert.deepEqual([byte, from.includes("degraded")], [2, lost.includes(key)]);
    }

    await dead.restart({ keepData: false });
    await waitFor(() => replica.local.journal.size === 0, {
      deadlineMs: 15_000,
      what: "what was acknowledged to arrive",
    });
    assert.equal(replica.replayed.replayed, size);
    await using other = await connectReplica({ addresses: cluster.addresses, clusterMode: true });
    for (const key of KEYS) assert.deepEqual(await read(other, key), { byte: 2, from: "redis" });
  },
});
