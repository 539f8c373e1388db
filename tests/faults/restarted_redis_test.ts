// Requirements 10.1, 10.3: Redis comes back without its data; near copies from before are not fresh.
import assert from "node:assert/strict";
import { connectReplica, type Replica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { pause, read, set, untilCopied } from "./one_byte.ts";

const KEYS = Array.from({ length: 200 }, (_, i) => `restart-${i}`);
const BOUND_MS = 2000;
const SLACK_MS = 700;

async function fill(replica: Replica): Promise<void> {
  await Promise.all(KEYS.map((key) => set(replica, { key, byte: 1 })));
  await Promise.all(KEYS.map((key) => untilCopied(replica, key)));
}

/** Reads all keys until all are misses of a store that is there; when the last was a fresh hit. */
async function lastFreshHitMs(replica: Replica): Promise<number> {
  let lastMs = -Infinity;
  await waitFor(async () => {
    const answers = await Promise.all(KEYS.map((key) => read(replica, key)));
    if (answers.some(({ from }) => from === "local" || from === "redis")) {
      lastMs = performance.now();
    }
    return answers.every(({ from }) => from === "miss");
  }, { deadlineMs: 15_000, what: "the empty Redis to be seen", intervalMs: 5 });
  return lastMs;
}

serverTest({
  name: "Redis restarted empty: no copy from before is answered as fresh",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using replica = await connectReplica({ addresses: [redis.address], timeoutMs: 1000 });
    await fill(replica);
    await redis.restart({ keepData: false });
    const restartedAtMs = performance.now();
    assert(await lastFreshHitMs(replica) < restartedAtMs, "a copy was answered as fresh");

    // From here on copies are trusted again, and they are of the new Redis.
    await using other = await connectReplica({ addresses: [redis.address] });
    await Promise.all(KEYS.map((key) => set(other, { key, byte: 2 })));
    await Promise.all(KEYS.map((key) => untilCopied(replica, key)));
    for (const key of KEYS) assert.deepEqual(await read(replica, key), { byte: 2, from: "local" });
  },
});

serverTest({
  name: "Redis restarted empty behind a silent network: stale for at most 2 s",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using proxy = await startFaultProxy({ target: redis });
    await using replica = await connectReplica({ addresses: [proxy.address], timeoutMs: 1000 });
    await fill(replica);
    proxy.blackhole();
    const silentAtMs = performance.now();
    await redis.restart({ keepData: false });
    const healed = pause(3000).then(() => proxy.heal());
    const staleMs = await lastFreshHitMs(replica) - silentAtMs;
    assert(staleMs > 0, "the fault did not take");
    assert(staleMs < BOUND_MS + SLACK_MS, `stale for ${staleMs} ms`);
    await healed;
  },
});

serverTest({
  name: "what changed unheard is not answered in a later outage either",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using proxy = await startFaultProxy({ target: redis });
    const options = { addresses: [proxy.address], timeoutMs: 1000, poolSize: 1 };
    await using replica = await connectReplica(options);
    await using other = await connectReplica({ addresses: [redis.address] });
    await set(other, { byte: 1 });
    await untilCopied(replica);
    proxy.refuse();
    proxy.cut();
    await set(other, { byte: 2 });
    // Nothing newer is known here, so this is right while the connection is away.
    await waitFor(async () => (await read(replica)).from === "local degraded", {
      deadlineMs: 5000,
      what: "the loss to be noticed",
    });
    proxy.heal();
    await waitFor(async () => !await set(replica, { key: "another", byte: 3 }), {
      deadlineMs: 5000,
      what: "an ordinary write",
    });
    await untilCopied(replica, "another");
    await redis.kill();
    await waitFor(() => replica.store.status() === "disconnected", {
      deadlineMs: 5000,
      what: "the death of Redis to be noticed",
    });
    assert.deepEqual(await read(replica), { byte: undefined, from: "miss degraded" });
  },
});
