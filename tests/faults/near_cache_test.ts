// Property 17's ground, requirements 10.1 to 10.4: near copies on real Redis, standalone.
import assert from "node:assert/strict";
import { systemClock } from "../../src/system.ts";
import { callWithin } from "../harness/cache_services.ts";
import { connectReplica, type Replica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";

const call = () => callWithin(systemClock);
const request = { namespace: "n", key: "k" };

async function sourceOf(replica: Replica, key = "k"): Promise<string> {
  const read = await replica.service.get({ namespace: "n", key }, call());
  return read.found ? `${read.source}${read.degraded ? " degraded" : ""}` : `miss`;
}

async function valueOf(replica: Replica, key = "k"): Promise<number | undefined> {
  const read = await replica.service.get({ namespace: "n", key }, call());
  return read.found ? read.value[0] : undefined;
}

serverTest({
  name:
    "a second read comes from the near cache, also one after a write, and another's write ends it",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using a = await connectReplica({ addresses: [redis.address] });
    await using b = await connectReplica({ addresses: [redis.address] });
    await waitFor(async () => {
      await a.service.set({ ...request, value: Uint8Array.of(1) }, call());
      return await sourceOf(a) === "local";
    }, { deadlineMs: 5000, what: "a write to fill the near cache" });
    assert.equal(await sourceOf(b), "redis");
    assert.equal(await sourceOf(b), "local");

    await a.service.set({ ...request, value: Uint8Array.of(2) }, call());
    assert.equal(await valueOf(a), 2);
    await waitFor(async () => await valueOf(b) === 2, { deadlineMs: 2000, what: "b to see it" });
    await b.service.delete(request, call());
    await waitFor(async () => await valueOf(a) === undefined, {
      deadlineMs: 2000,
      what: "a to see the delete",
    });
    assert.equal(await sourceOf(a), "miss");

    await a.service.set({ ...request, value: Uint8Array.of(3) }, call());
    assert.equal(await sourceOf(a), "local");
    const asked = await a.service.get(request, { ...call(), noCache: true });
    assert.equal(asked.found && asked.source, "redis");
    await redis.command("FLUSHALL");
    await waitFor(async () => await sourceOf(a) === "miss", {
      deadlineMs: 2000,
      what: "FLUSHALL to be heard",
    });
  },
});

serverTest({
  name: "an outage is bridged by copies and journal, and what was acknowledged arrives",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis({ appendOnly: true });
    await using a = await connectReplica({ addresses: [redis.address], timeoutMs: 500 });
    const set = (key: string, byte: number) =>
      a.service.set({ namespace: "n", key, value: Uint8Array.of(byte) }, call());
    await set("kept", 1);
    await set("gone", 1);
    await waitFor(async () => await sourceOf(a, "kept") === "local", {
      deadlineMs: 5000,
      what: "the copy",
    });
    await set("gone", 1);

    await redis.kill();
    await waitFor(async () => await sourceOf(a, "kept") === "local degraded", {
      deadlineMs: 5000,
      what: "a degraded answer",
    });
    assert.deepEqual({ ...(await set("new", 7)), version: "" }, { degraded: true, version: "" });
    assert.equal(await sourceOf(a, "new"), "local degraded");
    assert.deepEqual(
      await a.service.delete({ namespace: "n", key: "gone" }, call()),
      { deleted: true, degraded: true },
    );
    assert.equal(await sourceOf(a, "gone"), "miss");
    const batch = new Map([["b1", Uint8Array.of(1)], ["b2", Uint8Array.of(2)]]);
    assert.deepEqual(await a.service.batchSet({ namespace: "n", entries: batch }, call()), {
      success: true,
      storedCount: 2,
      degraded: true,
    });
    assert.equal(a.service.health().degraded, true);

    await redis.restart({ keepData: true });
    const backAtMs = performance.now();
    await waitFor(() => a.local.journal.size === 0, { deadlineMs: 5000, what: "the replay" });
    const tookMs = performance.now() - backAtMs;
    assert(tookMs < 1500, `replayed only after ${tookMs} ms`);
    assert.equal(a.replayed.replayed, 4);
    await using fresh = await connectReplica({ addresses: [redis.address] });
    assert.equal(await valueOf(fresh, "new"), 7);
    assert.equal(await valueOf(fresh, "gone"), undefined);
    assert.equal(await valueOf(fresh, "kept"), 1);
    assert.equal(await valueOf(fresh, "b2"), 2);
    await waitFor(async () => await sourceOf(a, "kept") === "redis", {
      deadlineMs: 5000,
      what: "normal answers",
    });
  },
});
