// Requirements 7.1 to 7.4, 8.2: what callers see while Redis is away, and after it is back.
import assert from "node:assert/strict";
import type { CacheService } from "../../src/cache/cache_service.ts";
import { systemClock } from "../../src/system.ts";
import { callWithin, createService } from "../harness/cache_services.ts";
import { connectRedisStore, openRedisStore } from "../harness/redis_stores.ts";
import { serverTest } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { startRedisCluster } from "../support/redis_cluster.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";

const call = () => callWithin(systemClock);
const value = Uint8Array.of(1, 2, 3);
const request = { namespace: "outage", key: "k" };
const CLUSTER_KEYS = Array.from({ length: 60 }, (_, i) => `key-${i}`);

serverTest({
  name: "the service works without Redis at the start, and with it as soon as it is there",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    const port = freePort();
    const store = openRedisStore({ addresses: [`127.0.0.1:${port}`] });
    const service = createService(store, { clock: systemClock });
    try {
      assert.deepEqual(await service.get(request, call()), { found: false, degraded: true });
      await assert.rejects(service.set({ ...request, value }, call()), {
        code: "redis_unavailable",
        retryAfterSeconds: 1,
      });
      assert.equal(service.health().redisStatus, "connecting");
      assert.equal(service.health().degraded, true);

      await using redis = await startRedis({ port });
      const startedAtMs = performance.now();
      await store.connected;
      await service.set({ ...request, value }, call());
      assert(performance.now() - startedAtMs < 2000, "Redis was noticed too late");
      assert.equal((await service.get(request, call())).found, true);
      assert.equal(service.health().redisStatus, "connected");
      assert.equal(redis.port, port);
    } finally {
      await store.close();
    }
  },
});

serverTest({
  name: "a killed Redis makes reads degraded misses and writes refusals until it is back",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using connected = await connectRedisStore({ addresses: [redis.address] });
    const service = createService(connected.store, { clock: systemClock });
    await service.set({ ...request, value }, call());

    await redis.kill();
    await waitFor(() => service.health().redisStatus === "disconnected", {
      deadlineMs: 5000,
      what: "the loss of Redis to show in health",
    });
    assert.deepEqual(await service.get(request, call()), { found: false, degraded: true });
    const batch = await service.batchGet({ namespace: "outage", keys: ["a", "b"] }, call());
    assert.deepEqual([batch.degraded, batch.missingKeys], [true, ["a", "b"]]);
    for (
      const write of [
        service.set({ ...request, value }, call()),
        service.delete(request, call()),
        service.batchSet({ namespace: "outage", entries: new Map([["a", value]]) }, call()),
      ]
    ) await assert.rejects(write, { code: "redis_unavailable" });

    await redis.restart({ keepData: false });
    const backAtMs = performance.now();
    await waitFor(
      () => service.set({ ...request, value }, call()).then(() => true, () => false),
      { deadlineMs: 5000, what: "writes to work again" },
    );
    const tookMs = performance.now() - backAtMs;
    assert(tookMs < 1000, `normal only ${tookMs} ms after Redis answered`);
    assert.equal((await service.get(request, call())).found, true);
  },
});

serverTest({
  name: "a write that timed out against a frozen Redis does not land after the thaw",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using stale = await connectRedisStore({ addresses: [redis.address], timeoutMs: 300 });
    await using later = await connectRedisStore({ addresses: [redis.address] });
    const first = createService(stale.store, { clock: systemClock });
    const second = createService(later.store, { clock: systemClock, writerId: 8 });
    await first.set({ ...request, value: Uint8Array.of(1) }, call());

    redis.freeze();
    const startedAtMs = performance.now();
    await assert.rejects(first.set({ ...request, value: Uint8Array.of(2) }, call()), {
      code: "redis_unavailable",
    });
    assert(performance.now() - startedAtMs < 1000, "the write was not given up in time");
    assert.deepEqual(await first.get(request, call()), { found: false, degraded: true });
    redis.thaw();

    // Redis takes in what it was sent during the freeze before it answers the same connection again.
    const seen = async (service: CacheService): Promise<number | undefined> => {
      const read = await service.get(request, call());
      return read.found ? read.value[0] : undefined;
    };
    await waitFor(async () => await seen(first) !== undefined, {
      deadlineMs: 5000,
      what: "the connection that was frozen to work again",
    });
    assert.equal(await seen(first), 1, "the write that was refused has landed");
    await second.set({ ...request, value: Uint8Array.of(3) }, call());
    assert.equal(await seen(first), 3);
  },
});

serverTest({
  name: "a caller with little time is not kept waiting by a frozen Redis",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using connected = await connectRedisStore({ addresses: [redis.address] });
    const service = createService(connected.store, { clock: systemClock });
    await service.set({ ...request, value }, call());
    redis.freeze();
    try {
      const startedAtMs = performance.now();
      const outcomes = await Promise.allSettled([
        service.get(request, callWithin(systemClock, 100)),
        service.set({ ...request, value }, callWithin(systemClock, 100)),
        service.batchGet({ namespace: "outage", keys: ["a"] }, callWithin(systemClock, 100)),
      ]);
      const tookMs = performance.now() - startedAtMs;
      for (const outcome of outcomes) {
        assert.equal(outcome.status === "rejected" && outcome.reason.code, "deadline_exceeded");
      }
      assert(tookMs >= 95 && tookMs < 1000, `took ${tookMs} ms`);
    } finally {
      redis.thaw();
    }
  },
});

serverTest({
  name: "a master of three that is away takes its own keys with it and no others",
  needs: ["redis-server", "redis-cli"],
  async fn(): Promise<void> {
    await using cluster = await startRedisCluster();
    await using connected = await connectRedisStore({
      addresses: cluster.addresses,
      clusterMode: true,
      timeoutMs: 500,
    });
    for (const node of cluster.nodes) {
      await node.command("CONFIG", "SET", "cluster-require-full-coverage", "no");
    }
    const service = createService(connected.store, { clock: systemClock });
    const entries = new Map(CLUSTER_KEYS.map((key) => [key, value]));
    const whole = await service.batchSet({ namespace: "n", entries }, call());
    assert.deepEqual(whole, { success: true, storedCount: 60, degraded: false });

    await cluster.nodes[1]?.kill();
    const read = await service.batchGet({ namespace: "n", keys: CLUSTER_KEYS }, call());
    assert.equal(read.degraded, true);
    assert(read.values.size > 20 && read.values.size < 60, `${read.values.size} of 60`);
    assert.equal(read.values.size + read.missingKeys.length, 60);
    const written = await service.batchSet({ namespace: "n", entries }, call());
    assert.deepEqual(written, { success: false, storedCount: read.values.size, degraded: true });
    for (const key of read.values.keys()) {
      await service.set({ namespace: "n", key, value }, call());
    }
    for (const key of read.missingKeys) {
      // After so many failures of its node the call may not even be tried.
      await assert.rejects(service.set({ namespace: "n", key, value }, call()), {
        code: /^(redis_unavailable|circuit_open)$/,
      });
    }
    await waitFor(() => service.health().degraded, { deadlineMs: 5000, what: "health to tell" });
  },
});
