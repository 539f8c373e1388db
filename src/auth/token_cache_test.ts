import assert from "node:assert/strict";
import type { Identity } from "./claims.ts";
import { TokenCache } from "./token_cache.ts";

function identity(namespaces = 0): Identity {
  const names = Array.from({ length: namespaces }, (_, index) => `n${index}`);
  return {
    principal: { subject: "s", namespaces: new Set(names), scopes: new Set() },
    validFromMs: -Infinity,
    validUntilMs: Infinity,
  };
}

Deno.test("the oldest entry makes room for a new one", () => {
  const cache = new TokenCache({ maxEntries: 2, maxBytes: 1e6 });
  for (const name of ["a", "b", "c"]) cache.set(name, identity());
  assert.deepEqual(["a", "b", "c"].map((name) => cache.get(name) !== undefined), [
    false,
    true,
    true,
  ]);
});

Deno.test("bytes are bounded, whatever the tokens are", () => {
  const cache = new TokenCache({ maxEntries: 1000, maxBytes: 100_000 });
  for (let i = 0; i < 1000; i++) {
    cache.set(`${i}`.padEnd(i * 8, "x"), identity(i));
    assert.ok(cache.usedBytes <= 100_000);
  }
  assert.ok(cache.size > 0);
  cache.set("whole", identity(10_000));
  assert.equal(cache.get("whole"), undefined);
});

Deno.test("what is set again or deleted is counted once", () => {
  const cache = new TokenCache({ maxEntries: 10, maxBytes: 1e6 });
  cache.set("a", identity());
  const { usedBytes } = cache;
  cache.set("a", identity());
  assert.deepEqual([cache.size, cache.usedBytes], [1, usedBytes]);
  cache.delete("a");
  cache.delete("a");
  assert.deepEqual([cache.size, cache.usedBytes], [0, 0]);
});

Deno.test("another epoch forgets all", () => {
  const cache = new TokenCache({ maxEntries: 10, maxBytes: 1e6 });
  cache.set("a", identity());
  cache.enter(0);
  assert.equal(cache.size, 1);
  cache.enter(1);
  assert.deepEqual([cache.size, cache.usedBytes, cache.get("a")], [0, 0, undefined]);
});
