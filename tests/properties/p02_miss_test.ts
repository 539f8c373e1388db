// Property 2, requirement 1.3: a key never set, or deleted, is a miss.
import assert from "node:assert/strict";
import fc from "fast-check";
import { keys, values } from "../harness/entries.ts";
import { onLegs } from "../harness/legs.ts";
import { propertyOptions } from "../support/seeded_random.ts";

onLegs(
  { name: "what is not there is a miss", legs: ["memory", "rest", "grpc", "redis", "cluster"] },
  async ({ driver, numRuns }) => {
    let namespaces = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(keys, { maxLength: 5 }),
        keys,
        values,
        async (set, key, value) => {
          const namespace = `fresh-${namespaces++}`;
          for (const other of set) await driver.set({ namespace, key: other, value });
          const isSet = set.includes(key);
          assert.equal((await driver.get(namespace, key)).found, isSet);
          for (const other of set) await driver.delete(namespace, other);
          for (const other of [...set, key]) {
            assert.deepEqual(await driver.get(namespace, other), { found: false, degraded: false });
          }
        },
      ),
      propertyOptions({ numRuns: Math.min(numRuns, 100) }),
    );
  },
);
