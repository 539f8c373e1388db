import assert from "node:assert/strict";
import fc from "fast-check";
import { propertyOptions } from "../../tests/support/seeded_random.ts";
import { keyFault, namespaceFault, storeKey, utf8Length } from "./key.ts";

const ALLOWED_NAMESPACES = ["a", "_", "9", "team-1.cache_v2", "A".repeat(64)];
const REFUSED_NAMESPACES = [
  "",
  "-a",
  ".a",
  "a:b",
  "a/b",
  "a b",
  "é",
  "a\n",
  "\n",
  "A".repeat(65),
  "*",
];

for (const namespace of ALLOWED_NAMESPACES) {
  Deno.test(`the namespace ${JSON.stringify(namespace)} is allowed`, () => {
    assert.equal(namespaceFault(namespace), undefined);
  });
}
for (const namespace of REFUSED_NAMESPACES) {
  Deno.test(`the namespace ${JSON.stringify(namespace)} is refused`, () => {
    assert.equal(namespaceFault(namespace)?.code, "invalid_namespace");
  });
}

Deno.test("a key is limited by its bytes, not its characters", () => {
  assert.equal(keyFault("k".repeat(512), 512), undefined);
  assert.equal(keyFault("k".repeat(513), 512)?.code, "invalid_key");
  assert.equal(keyFault("é".repeat(256), 512), undefined);
  assert.equal(keyFault("é".repeat(257), 512)?.code, "invalid_key");
  assert.equal(keyFault("🙂".repeat(128), 512), undefined);
  assert.equal(keyFault("🙂".repeat(129), 512)?.code, "invalid_key");
  assert.equal(keyFault("", 512)?.code, "invalid_key");
});

Deno.test("a lone surrogate is no key", () => {
  assert.equal(keyFault("\ud83d", 512)?.code, "invalid_key");
  assert.equal(keyFault("a\ude42b", 512)?.code, "invalid_key");
});

Deno.test("the length in UTF-8 is that of the encoder", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(utf8Length(text), new TextEncoder().encode(text).length);
    }),
    propertyOptions({ numRuns: 1000 }),
  );
  assert.equal(utf8Length("\ud83da"), 4);
});

Deno.test("no message about a key holds the key", () => {
  const secret = "user-4711-\ud83d";
  assert(!keyFault(secret, 512)?.message.includes("4711"));
  assert(!keyFault("4711".repeat(200), 512)?.message.includes("4711"));
});

Deno.test("no two pairs of namespace and key share a store key", () => {
  // Few letters and short texts, so that a separator which does not separate is found.
  const namespace = fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b") });
  const key = fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b", ":") });
  fc.assert(
    fc.property(namespace, key, namespace, key, (n1, k1, n2, k2) => {
      assert.equal(storeKey(n1, k1) === storeKey(n2, k2), n1 === n2 && k1 === k2);
    }),
    propertyOptions({ numRuns: 1000 }),
  );
});
