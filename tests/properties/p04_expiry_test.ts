// Property 4, requirements 1.5, 2.1, 2.2: after its TTL an entry is a miss, and before it is not.
import assert from "node:assert/strict";
import fc from "fast-check";
import { callWithin, createMemoryService, createService } from "../harness/cache_services.ts";
import { keys, values } from "../harness/entries.ts";
import { connectRedisStore } from "../harness/redis_stores.ts";
import { systemClock } from "../../src/system.ts";
import { serverTest } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { propertyOptions } from "../support/seeded_random.ts";
import { waitFor } from "../support/wait_for.ts";

const DEFAULT_TTL_SECONDS = 3600;

Deno.test("an entry lives for its TTL and no longer: in process, memory, fake clock", async () => {
  const ttl = fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 2_592_000 }));
  await fc.assert(
    fc.asyncProperty(keys, values, ttl, async (key, value, ttlSeconds) => {
      const { service, clock } = createMemoryService();
      const request = { namespace: "n", key };
      const set = { ...request, value, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
      await service.set(set, callWithin(clock));
      const lifeMs = (ttlSeconds || DEFAULT_TTL_SECONDS) * 1000;
      await clock.advance(lifeMs - 1);
      const last = await service.get(request, callWithin(clock));
      assert(last.found);
      assert.equal(last.ttlSeconds, 1);
      await clock.advance(1);
      assert.deepEqual(await service.get(request, callWithin(clock)), {
        found: false,
        degraded: false,
      });
      assert.deepEqual(
        (await service.batchGet({ namespace: "n", keys: [key] }, callWithin(clock))).missingKeys,
        [key],
      );
    }),
    propertyOptions(),
  );
});

Deno.test("a wall clock that jumps neither ends nor prolongs a life: in process, memory", async () => {
  for (const jumpMs of [-86_400_000, 86_400_000]) {
    const { service, clock } = createMemoryService();
    const request = { namespace: "n", key: "k" };
    await service.set({ ...request, value: new Uint8Array(1), ttlSeconds: 10 }, callWithin(clock));
    clock.jumpWall(jumpMs);
    await clock.advance(9999);
    assert.equal((await service.get(request, callWithin(clock))).found, true);
    await clock.advance(1);
    assert.equal((await service.get(request, callWithin(clock))).found, false);
  }
});

serverTest({
  name: "an entry lives for its TTL and no longer: in process, Redis, real time",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using connected = await connectRedisStore({ addresses: [redis.address] });
    const service = createService(connected.store, { clock: systemClock });
    const call = () => callWithin(systemClock);
    await Promise.all(Array.from({ length: 10 }, async (_, i) => {
      const request = { namespace: "n", key: `k${i}` };
      const ttlSeconds = 1 + i % 2;
      const setAtMs = performance.now();
      await service.set({ ...request, value: new Uint8Array(1), ttlSeconds }, call());
      // An overwritten tombstone keeps the key in Redis for longer; the value must not live on.
      if (i % 3 === 0) {
        await service.delete(request, call());
        await service.set({ ...request, value: new Uint8Array(1), ttlSeconds }, call());
      }
      assert.equal((await service.get(request, call())).found, true);
      await waitFor(async () => !(await service.get(request, call())).found, {
        deadlineMs: 5000,
        what: "the entry to expire",
      });
      const livedMs = performance.now() - setAtMs;
      assert(livedMs > ttlSeconds * 1000 - 20, `lived ${livedMs} ms`);
      assert(livedMs < ttlSeconds * 1000 + 1500, `lived ${livedMs} ms`);
    }));
  },
});
