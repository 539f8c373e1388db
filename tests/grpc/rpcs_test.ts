import assert from "node:assert/strict";
import { utf8Length } from "../../src/core/key.ts";
import { codeOf, failureOf, withServer } from "./harness.ts";

const N = { namespace: "n" };
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

/** The entries of a decoded map, values as plain arrays. */
function entriesOf(map: unknown): Map<string, number[]> {
  return new Map(Object.entries(map as Record<string, Uint8Array>).map(([k, v]) => [k, [...v]]));
}

Deno.test("set, get and delete one entry", () =>
  withServer(async ({ client }) => {
    const miss = await client.call("Get", { ...N, key: "k" });
    assert.equal(miss.message.found, false);
    const set = await client.call("Set", { ...N, key: "k", value: bytes(1, 2), ttl_seconds: 60 });
    assert.equal(set.message.success, true);
    const { message } = await client.call("Get", { ...N, key: "k" });
    assert.equal(message.found, true);
    assert.deepEqual([...message.value as Uint8Array], [1, 2]);
    assert.equal(message.source, 2);
    assert.equal(message.degraded, false);
    assert.equal(Number(message.ttl_seconds), 60);
    assert.match(String(message.version), /^[0-9a-f]{24}$/);
    assert.equal(message.version, set.message.version);
    assert.equal((await client.call("Delete", { ...N, key: "k" })).message.deleted, true);
    assert.equal((await client.call("Delete", { ...N, key: "k" })).message.deleted, false);
    assert.equal((await client.call("Get", { ...N, key: "k" })).message.found, false);
  }));

Deno.test("an absent TTL is the default", () =>
  withServer(async ({ client }) => {
    await client.call("Set", { ...N, key: "k", value: bytes(1) });
    assert.equal(Number((await client.call("Get", { ...N, key: "k" })).message.ttl_seconds), 3600);
  }));

Deno.test("keys and values at their limits come back as they were", () =>
  withServer(async ({ client }) => {
    const cases: readonly (readonly [string, Uint8Array])[] = [
      ["empty value", bytes()],
      ["k".repeat(512), bytes(1)],
      ["😀".repeat(128), bytes(2)],
      ["\ufeffé/%2F\0", bytes(3)],
      ["__proto__", bytes(4)],
      ["constructor", bytes(5)],
      ["..", new Uint8Array(1024 * 1024).map((_, i) => i)],
    ];
    for (const [key, value] of cases) {
      await client.call("Set", { ...N, key, value });
      const { message } = await client.call("Get", { ...N, key });
      assert.equal(message.found, true, key);
      assert.deepEqual(Uint8Array.from(message.value as Uint8Array), value, key);
    }
    assert.equal(utf8Length("😀".repeat(128)), 512);
  }));

Deno.test("an empty value that is not on the wire is stored", () =>
  withServer(async ({ client }) => {
    await client.call("Set", { ...N, key: "k" });
    const { message } = await client.call("Get", { ...N, key: "k" });
    assert.equal(message.found, true);
    assert.equal((message.value as Uint8Array).length, 0);
  }));

Deno.test("a batch keeps every key, whatever it is called", () =>
  withServer(async ({ client }) => {
    const entries = Object.fromEntries([
      ["__proto__", bytes(1)],
      ["constructor", bytes(2)],
      ["toString", bytes(3)],
      ["empty", bytes()],
      ["1", bytes(4)],
    ]);
    const set = await client.call("BatchSet", { ...N, entries, ttl_seconds: 60 });
    assert.equal(set.message.success, true);
    assert.equal(set.message.stored_count, 5);
    const keys = [
      "valueOf",
      "__proto__",
      "empty",
      "constructor",
      "toString",
      "1",
      "hasOwnProperty",
    ];
    const { message } = await client.call("BatchGet", { ...N, keys });
    assert.deepEqual(
      entriesOf(message.values),
      new Map([["1", [4]], ["__proto__", [1]], ["empty", []], ["constructor", [2]], [
        "toString",
        [3],
      ]]),
    );
    assert.deepEqual(message.missing_keys, ["valueOf", "hasOwnProperty"]);
    assert.deepEqual(Object.keys(message.errors as object), []);
  }));

Deno.test("a batch of 8 MiB goes both ways, and one byte more does not", () =>
  withServer(async ({ client }) => {
    const value = new Uint8Array(1024 * 1024);
    const keys = Array.from({ length: 8 }, (_, i) => `k${i}`);
    const entries = Object.fromEntries(keys.map((key) => [key, value]));
    const set = await client.call("BatchSet", { ...N, entries });
    assert.equal(set.message.stored_count, 8);
    const { message } = await client.call("BatchGet", { ...N, keys });
    assert.equal([...entriesOf(message.values).values()].flat().length, 8 * 1024 * 1024);
    const more = { ...entries, one: bytes(1) };
    assert.equal(
      codeOf(await failureOf(client.call("BatchSet", { ...N, entries: more }))),
      "batch_too_large",
    );
    await client.call("Set", { ...N, key: "one", value: bytes(1) });
    const read = client.call("BatchGet", { ...N, keys: [...keys, "one"] });
    assert.equal(codeOf(await failureOf(read)), "batch_too_large");
  }));

Deno.test("health is answered without a token", () =>
  withServer(async ({ client, server }) => {
    const { message } = await client.call("Health", {});
    assert.equal(message.healthy, true);
    assert.equal(message.redis_status, "disabled");
    assert.equal(message.degraded, false);
    server.lifecycle.enter("draining");
    assert.equal((await client.call("Health", {})).message.healthy, false);
  }, {
    verifier: {
      verify: () => {
        throw new Error("asked for a token");
      },
    },
  }));
