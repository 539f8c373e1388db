// Property 5, requirements 1.6, 1.7: a batch does what the single calls do, one after another.
import assert from "node:assert/strict";
import fc from "fast-check";
import { batches, keys } from "../harness/entries.ts";
import { onLegs } from "../harness/legs.ts";
import { propertyOptions } from "../support/seeded_random.ts";

onLegs(
  { name: "batches equal single calls", legs: ["memory", "rest", "grpc", "redis", "cluster"] },
  async ({ driver, numRuns }) => {
    let namespaces = 0;
    await fc.assert(
      fc.asyncProperty(batches, fc.array(keys, { maxLength: 5 }), async (entries, others) => {
        const one = `one-${namespaces}`;
        const many = `many-${namespaces++}`;
        const stored = await driver.batchSet({ namespace: many, entries });
        assert.deepEqual(stored, { success: true, storedCount: entries.size, degraded: false });
        for (const [key, value] of entries) await driver.set({ namespace: one, key, value });

        const asked = [...entries.keys(), ...others, ...entries.keys()];
        const batch = await driver.batchGet(one, asked);
        assert.equal(batch.errors.size, 0);
        for (const key of new Set(asked)) {
          const single = await driver.get(many, key);
          assert.equal(single.found, entries.has(key));
          assert.equal(batch.missingKeys.includes(key), !single.found);
          assert.deepEqual(
            single.found ? new Uint8Array(single.value) : undefined,
            batch.values.get(key) && new Uint8Array(batch.values.get(key) ?? []),
          );
        }
        assert.equal(batch.values.size + batch.missingKeys.length, new Set(asked).size);
      }),
      propertyOptions({ numRuns: Math.min(numRuns, 100) }),
    );
  },
);
