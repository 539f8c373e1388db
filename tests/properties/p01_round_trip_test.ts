// Property 1, requirements 1.1, 1.2, 4.1, 4.3: after a successful set, get returns the same bytes.
import assert from "node:assert/strict";
import fc from "fast-check";
import { keys, namespaces, ttls, values } from "../harness/entries.ts";
import { onLegs } from "../harness/legs.ts";
import { propertyOptions } from "../support/seeded_random.ts";

onLegs(
  { name: "a stored value comes back", legs: ["memory", "rest", "grpc", "redis", "cluster"] },
  async ({ driver, numRuns }) => {
    await fc.assert(
      fc.asyncProperty(namespaces, keys, values, ttls, async (namespace, key, value, ttl) => {
        await driver.set({ namespace, key, value }, { ttlSeconds: ttl });
        const read = await driver.get(namespace, key);
        assert(read.found);
        assert.deepEqual(new Uint8Array(read.value), value);
        const lives = ttl === undefined || ttl === 0 ? 3600 : ttl;
        assert(read.ttlSeconds <= lives && read.ttlSeconds >= lives - 2, `${read.ttlSeconds}`);
        assert.equal(read.degraded, false);
        assert.match(read.version, /^[0-9a-f]{24}$/);
      }),
      propertyOptions({ numRuns }),
    );
  },
);
