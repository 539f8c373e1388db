// Property 19, requirement 10.5: hits are counted under the source that served them.
import assert from "node:assert/strict";
import fc from "fast-check";
import { startTestApp } from "../harness/apps.ts";
import { serverTest } from "../support/backends.ts";
import { parseExposition, sumOf } from "../support/exposition.ts";
import { startRedis } from "../support/redis_server.ts";
import { propertyOptions } from "../support/seeded_random.ts";

const KEYS = ["a", "b", "c"];

for (const mode of ["near", "fallback"] as const) {
  serverTest({
    name: `hits are counted under the source that an answer names: Redis, ${mode} mode`,
    needs: ["redis-server"],
    async fn(): Promise<void> {
      await using redis = await startRedis();
      await using app = await startTestApp({
        REDIS_ADDRESSES: redis.address,
        CACHE_LOCAL_CACHE_MODE: mode,
      });
      for (const key of KEYS) await app.rest.set({ namespace: "n", key, value: Uint8Array.of(1) });
      const seen: Record<string, number> = { redis: 0, local: 0 };
      const read = fc.record({
        key: fc.constantFrom(...KEYS, "none"),
        byGrpc: fc.boolean(),
        changes: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(read, async ({ key, byGrpc, changes }) => {
          // Touched by another client, all keys leave the near cache.
          if (changes) {
            for (const each of KEYS) await redis.command("PERSIST", `cache:n:${each}`);
          }
          const result = await (byGrpc ? app.grpc : app.rest).get("n", key);
          if (result.found) seen[result.source] = (seen[result.source] ?? 0) + 1;
          const samples = parseExposition(await (await fetch(`${app.origin}/metrics`)).text());
          for (const [source, count] of Object.entries(seen)) {
            assert.equal(sumOf(samples, { name: "cache_hit_total", labels: { source } }), count);
          }
        }),
        propertyOptions(),
      );
      assert.equal(seen.local === 0, mode === "fallback");
      assert.notEqual(seen.redis, 0);
    },
  });
}
