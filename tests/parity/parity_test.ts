// Requirements 4.1 to 4.4: whatever is asked, REST and gRPC give the same outcome.
import assert from "node:assert/strict";
import { startTestApp } from "../harness/apps.ts";
import {
  batch,
  batchGet,
  batchSet,
  deleted,
  get,
  hit,
  many,
  MISS,
  outcome,
  refused,
  remove,
  set,
  type Step,
  STORED,
  storedCount,
  ttlAtOnce,
  versionsOfTwoSets,
  within,
} from "./steps.ts";

interface Case {
  readonly given?: readonly Step[];
  readonly when: Step;
  readonly then: unknown;
}

const MEBIBYTE = 1024 * 1024;

const CASES: Readonly<Record<string, Case>> = {
  "a miss": { when: get("k"), then: MISS },
  "a hit, with the default TTL": {
    given: [set("k", "value")],
    when: get("k"),
    then: hit("value", { ttlSeconds: 3600 }),
  },
  "a hit, with a TTL": {
    given: [set("k", "value", { ttlSeconds: 60 })],
    when: get("k"),
    then: hit("value", { ttlSeconds: 60 }),
  },
  "a set": { when: set("k", "value"), then: STORED },
  "a later set wins, also with its TTL": {
    given: [set("k", "old"), set("k", "new", { ttlSeconds: 60 })],
    when: get("k"),
    then: hit("new", { ttlSeconds: 60 }),
  },
  "every set has a version of its own": { when: versionsOfTwoSets, then: 2 },
  "an empty value": {
    given: [set("k", "")],
    when: get("k"),
    then: hit("", { ttlSeconds: 3600 }),
  },
  "the largest value": { when: set("k", new Uint8Array(MEBIBYTE)), then: STORED },
  "a value of a byte too many": {
    when: set("k", new Uint8Array(MEBIBYTE + 1)),
    then: refused("value_too_large"),
  },
  "a value far too large": {
    when: set("k", new Uint8Array(12 * MEBIBYTE)),
    then: refused("value_too_large"),
  },
  "a refused set changes nothing": {
    given: [set("k", "old"), set("k", "new", { ttlSeconds: -1 })],
    when: get("k"),
    then: hit("old", { ttlSeconds: 3600 }),
  },

  "delete of what is there": { given: [set("k", "v")], when: remove("k"), then: deleted(true) },
  "delete of what is missing": { when: remove("k"), then: deleted(false) },
  "delete of what was deleted": {
    given: [set("k", "v"), remove("k")],
    when: remove("k"),
    then: deleted(false),
  },
  "get of what was deleted": { given: [set("k", "v"), remove("k")], when: get("k"), then: MISS },
  "set of what was deleted": {
    given: [set("k", "v"), remove("k"), set("k", "w")],
    when: get("k"),
    then: hit("w", { ttlSeconds: 3600 }),
  },

  "a TTL of 0 is the default": {
    given: [set("k", "", { ttlSeconds: 0 })],
    when: get("k"),
    then: hit("", { ttlSeconds: 3600 }),
  },
  "the seconds left are rounded up": { when: ttlAtOnce(1), then: 1 },
  "the longest TTL": {
    given: [set("k", "", { ttlSeconds: 2_592_000 })],
    when: get("k"),
    then: hit("", { ttlSeconds: 2_592_000 }),
  },
  "a TTL of a second too many": {
    when: set("k", "", { ttlSeconds: 2_592_001 }),
    then: refused("invalid_ttl"),
  },
  "a huge TTL": { when: set("k", "", { ttlSeconds: 2 ** 53 }), then: refused("invalid_ttl") },
  "a negative TTL": { when: set("k", "", { ttlSeconds: -1 }), then: refused("invalid_ttl") },
  "a negative TTL of a batch": {
    when: batchSet([["k", "v"]], { ttlSeconds: -1 }),
    then: refused("invalid_ttl"),
  },

  "an empty key": { when: get(""), then: refused("invalid_key") },
  "an empty key of a batch": { when: batchGet("k", ""), then: refused("invalid_key") },
  "an empty key to set": { when: set("", "v"), then: refused("invalid_key") },
  "an empty key to delete": { when: remove(""), then: refused("invalid_key") },
  "a key of 512 bytes": { when: get("é".repeat(256)), then: MISS },
  "a key of 513 bytes": { when: get("é".repeat(256) + "k"), then: refused("invalid_key") },
  "a key that is no Unicode": { when: get("\ud800"), then: refused("invalid_key") },
  "a key of a batch that is no Unicode": {
    when: batchGet("\ud800"),
    then: refused("invalid_key"),
  },
  ...Object.fromEntries(
    ["a b", "a/b", "%FF", "%2F", "a+b?c#d", "🙂", "__proto__", "constructor", "\u0000"].map(
      (key): [string, Case] => [`the key ${JSON.stringify(key)}`, {
        given: [set(key, "v")],
        when: batchGet(key),
        then: { ...batch({}) as object, values: new Map([[key, "v"]]) },
      }],
    ),
  ),
  "a key of two dots, by batch": {
    given: [batchSet([["..", "up"], [".", "here"]])],
    when: batchGet("..", "."),
    then: batch({ "..": "up", ".": "here" }),
  },

  "an empty namespace": { when: within("", get("k")), then: refused("invalid_namespace") },
  "a namespace with a colon": { when: within("a:b", get("k")), then: refused("invalid_namespace") },
  "a namespace with a colon, by batch": {
    when: within("a:b", batchGet("k")),
    then: refused("invalid_namespace"),
  },
  "a namespace that begins with a dot": {
    when: within(".a", set("k", "v")),
    then: refused("invalid_namespace"),
  },
  "a namespace of 65 characters": {
    when: within("n".repeat(65), remove("k")),
    then: refused("invalid_namespace"),
  },
  "a namespace and a key that are faulty": {
    when: within("a:b", get("")),
    then: refused("invalid_namespace"),
  },
  "the same key in another namespace": {
    given: [within("another", set("k", "theirs"))],
    when: get("k"),
    then: MISS,
  },

  "a batch, some of it missing": {
    given: [batchSet([["a", "1"], ["b", ""]])],
    when: batchGet("a", "none", "b"),
    then: batch({ a: "1", b: "" }, ["none"]),
  },
  "a batch of what was set singly": {
    given: [set("a", "1"), set("b", "2"), remove("b")],
    when: batchGet("a", "b"),
    then: batch({ a: "1" }, ["b"]),
  },
  "a batch with a TTL": {
    given: [batchSet([["a", "1"]], { ttlSeconds: 60 })],
    when: get("a"),
    then: hit("1", { ttlSeconds: 60 }),
  },
  "a batch that names keys twice": {
    given: [set("a", "1")],
    when: batchGet("a", "none", "a", "none"),
    then: batch({ a: "1" }, ["none"]),
  },
  "an empty batch to get": { when: batchGet(), then: batch({}) },
  "an empty batch to set": { when: batchSet([]), then: storedCount(0) },
  "1,000 keys to set": { when: batchSet(many(1000, { length: 1 })), then: storedCount(1000) },
  "1,001 keys to set": {
    when: batchSet(many(1001, { length: 1 })),
    then: refused("batch_too_large"),
  },
  "1,001 keys to get": {
    when: batchGet(...many(1001, { length: 0 }).map(([key]) => key)),
    then: refused("batch_too_large"),
  },
  "8 MiB to set": { when: batchSet(many(8, { length: MEBIBYTE })), then: storedCount(8) },
  "8 MiB and a byte to set": {
    when: batchSet([...many(8, { length: MEBIBYTE }), ["one", new Uint8Array(1)]]),
    then: refused("batch_too_large"),
  },
  "8 MiB and a byte to get": {
    given: [batchSet(many(8, { length: MEBIBYTE })), set("one", "1")],
    when: batchGet(...many(8, { length: 0 }).map(([key]) => key), "one"),
    then: refused("batch_too_large"),
  },
  "a value of a byte too many in a batch": {
    when: batchSet([["small", ""], ["large", new Uint8Array(MEBIBYTE + 1)]]),
    then: refused("value_too_large"),
  },
  "a refused batch stores nothing": {
    given: [batchSet([["a", "1"], ["", "2"]])],
    when: get("a"),
    then: MISS,
  },

  "encryption without a key": {
    when: set("k", "v", { encrypt: true }),
    then: refused("encryption_unavailable"),
  },
  "encryption of a batch without a key": {
    when: batchSet([["k", "v"]], { encrypt: true }),
    then: refused("encryption_unavailable"),
  },
};

for (const api of ["rest", "grpc"] as const) {
  Deno.test(`parity: ${api}`, async (context) => {
    await using app = await startTestApp();
    const driver = app[api];
    for (const [index, [name, { given = [], when, then }]] of Object.entries(CASES).entries()) {
      await context.step(name, async () => {
        const namespace = `case-${index}`;
        for (const step of given) await outcome(step(driver, namespace));
        assert.deepEqual(await outcome(when(driver, namespace)), then);
      });
    }
  });
}

Deno.test("parity: both tell of the same health", async () => {
  await using app = await startTestApp();
  const rest = await (await fetch(`${app.origin}/health`)).json();
  const { degraded, ...health } = await app.grpc.call("Health", {});
  assert.deepEqual({ ...health, status: degraded ? "degraded" : "ok", version: "test" }, rest);
});
