// Property 12, requirement 5.5: no namespace sees, changes or learns of another's entries.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Call } from "../../src/cache/call.ts";
import type { Principal } from "../../src/core/principal.ts";
import { callWithin, createMemoryService } from "../harness/cache_services.ts";
import { keys, namespaces, values } from "../harness/entries.ts";
import { onLegs } from "../harness/legs.ts";
import { propertyOptions } from "../support/seeded_random.ts";

onLegs(
  { name: "namespaces hold entries apart", legs: ["memory", "rest", "grpc", "redis", "cluster"] },
  async ({ driver, numRuns }) => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.stringMatching(/^[A-Za-z0-9._-]{1,8}$/),
        keys,
        fc.constantFrom("", ":", "/"),
        values,
        async (extra, key, separator, value) => {
          // One name begins with the other, and what it has more stands in the other's key.
          const mine = `n${round++}`;
          const theirs = mine + extra;
          const myKeys = [key, extra + key, extra + separator + key];
          for (const each of myKeys) await driver.set({ namespace: mine, key: each, value });
          assert.equal((await driver.get(theirs, key)).found, false);
          assert.deepEqual((await driver.batchGet(theirs, [key])).missingKeys, [key]);
          assert.equal((await driver.delete(theirs, key)).deleted, false);
          await driver.set({ namespace: theirs, key, value: Uint8Array.of(1, 2, 3) });
          for (const each of myKeys) {
            const read = await driver.get(mine, each);
            assert(read.found);
            assert.deepEqual(new Uint8Array(read.value), value);
          }
        },
      ),
      propertyOptions({ numRuns: Math.min(numRuns, 100) }),
    );
  },
);

Deno.test("a principal touches only its namespaces, whatever the call: in process, memory", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(namespaces, { minLength: 2, maxLength: 2 }),
      keys,
      async ([own = "", other = ""], key) => {
        const { service, clock } = createMemoryService();
        const value = Uint8Array.of(1);
        await service.set({ namespace: other, key, value }, callWithin(clock));
        const principal: Principal = {
          subject: "team",
          namespaces: new Set([own]),
          scopes: new Set(["cache:read", "cache:write"]),
        };
        const call: Call = { ...callWithin(clock), principal };
        const tries = (namespace: string): Promise<unknown>[] => [
          service.get({ namespace, key }, call),
          service.set({ namespace, key, value }, call),
          service.delete({ namespace, key }, call),
          service.batchGet({ namespace, keys: [key] }, call),
          service.batchSet({ namespace, entries: new Map([[key, value]]) }, call),
        ];
        const denials = await Promise.allSettled(tries(other));
        for (const denial of denials) {
          assert.equal(denial.status === "rejected" && denial.reason.code, "forbidden");
        }
        // The same words whether the key is there or not.
        const absent = await Promise.allSettled([
          service.get({ namespace: other, key: "?" }, call),
        ]);
        assert.equal(reasonOf(absent[0]), reasonOf(denials[0]));
        for (const allowed of await Promise.allSettled(tries(own))) {
          assert.equal(allowed.status, "fulfilled");
        }
        assert.equal((await service.get({ namespace: other, key }, callWithin(clock))).found, true);
      },
    ),
    propertyOptions(),
  );
});

Deno.test("a scope allows its own action only: in process, memory", async () => {
  const { service, clock } = createMemoryService();
  const request = { namespace: "n", key: "k" };
  const can = async (scope: string): Promise<boolean[]> => {
    const principal: Principal = {
      subject: "team",
      namespaces: new Set(["*"]),
      scopes: new Set([scope]),
    };
    const call: Call = { ...callWithin(clock), principal };
    const outcomes = await Promise.allSettled([
      service.get(request, call),
      service.set({ ...request, value: new Uint8Array(0) }, call),
      service.delete(request, call),
    ]);
    return outcomes.map((outcome) => outcome.status === "fulfilled");
  };
  assert.deepEqual(await can("cache:read"), [true, false, false]);
  assert.deepEqual(await can("cache:write"), [false, true, true]);
  assert.deepEqual(await can("other"), [false, false, false]);
});

function reasonOf(outcome: PromiseSettledResult<unknown> | undefined): string {
  return outcome?.status === "rejected" ? String(outcome.reason) : "";
}
