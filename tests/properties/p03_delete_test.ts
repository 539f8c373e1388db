// Property 3, requirement 1.4: delete removes, and says whether there was something to remove.
import assert from "node:assert/strict";
import fc from "fast-check";
import { keys, values } from "../harness/entries.ts";
import { onLegs } from "../harness/legs.ts";
import { propertyOptions } from "../support/seeded_random.ts";

onLegs(
  { name: "delete removes", legs: ["memory", "rest", "grpc", "redis", "cluster"] },
  async ({ driver, numRuns }) => {
    let namespaces = 0;
    await fc.assert(
      fc.asyncProperty(keys, values, fc.boolean(), async (key, value, again) => {
        const namespace = `delete-${namespaces++}`;
        assert.equal((await driver.delete(namespace, key)).deleted, false);
        await driver.set({ namespace, key, value });
        assert.equal((await driver.delete(namespace, key)).deleted, true);
        assert.equal((await driver.get(namespace, key)).found, false);
        assert.equal((await driver.delete(namespace, key)).deleted, false);
        if (!again) return;
        await driver.set({ namespace, key, value });
        const read = await driver.get(namespace, key);
        assert(read.found);
        assert.deepEqual(new Uint8Array(read.value), value);
      }),
      propertyOptions({ numRuns: Math.min(numRuns, 100) }),
    );
  },
);
