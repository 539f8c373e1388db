import assert from "node:assert/strict";
import fc from "fast-check";
import type { InvalidationEvent } from "../core/bus.ts";
import { propertyOptions } from "../../tests/support/seeded_random.ts";
import { MAX_EVENT_BYTES } from "../core/limits.ts";
import { type DeadLetter, decodeEvent, encodeEvent } from "./codec.ts";

const LIMITS = { maxKeyBytes: 512, maxValueBytes: 1024 * 1024 };

function decode(json: unknown): InvalidationEvent | DeadLetter {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  return decodeEvent(new TextEncoder().encode(text), LIMITS);
}

function reasonOf(json: unknown): string {
  const decoded = decode(json);
  return "reason" in decoded ? decoded.reason : "an event";
}

const EVENT = { namespace: "users", keys: ["1", "2"], action: "delete", timestamp: 1_700_000_000 };

Deno.test("whole seconds stand for their last millisecond, finer times for themselves", () => {
  const timeOf = (timestamp: unknown): unknown => {
    const decoded = decode({ ...EVENT, timestamp });
    return "reason" in decoded ? decoded.reason : decoded.atMs;
  };
  assert.equal(timeOf(1_700_000_000), 1_700_000_000_999);
  assert.equal(timeOf(1_700_000_000.25), 1_700_000_000_250);
  assert.equal(timeOf(1_700_000_000_123), 1_700_000_000_123);
  assert.equal(timeOf("2023-11-14T22:13:20Z"), 1_700_000_000_999);
  assert.equal(timeOf("2023-11-14t23:13:20.5+01:00"), 1_700_000_000_500);
  assert.equal(timeOf(0), 999);
  for (
    const bad of [
      -1,
      NaN,
      null,
      undefined,
      "",
      "yesterday",
      "2023-13-14T22:13:20Z",
      "2023-11-14",
      "1700000000",
      1e300,
      2 ** 48,
      true,
      {},
      "1969-12-31T23:59:59Z",
    ]
  ) assert.equal(timeOf(bad), "invalid_timestamp", String(bad));
});

Deno.test("each kind of message that cannot be carried out has its reason", () => {
  assert.equal(decodeEvent(Uint8Array.of(0xff, 0xfe), LIMITS) instanceof Object, true);
  const cases: readonly (readonly [unknown, string])[] = [
    ["{", "not_json"],
    ["", "not_json"],
    [[], "wrong_shape"],
    ["null", "wrong_shape"],
    ['"text"', "wrong_shape"],
    [`${"[".repeat(100_000)}${"]".repeat(100_000)}`, "wrong_shape"],
    [{ ...EVENT, version: 2 }, "unknown_version"],
    [{ ...EVENT, namespace: "a b" }, "invalid_namespace"],
    [{ ...EVENT, namespace: 1 }, "invalid_namespace"],
    [{ ...EVENT, namespace: undefined }, "invalid_namespace"],
    [{ ...EVENT, keys: "1" }, "wrong_shape"],
    [{ ...EVENT, keys: { "0": "1", "length": 1 } }, "wrong_shape"],
    [{ ...EVENT, keys: [1] }, "invalid_key"],
    [{ ...EVENT, keys: [""] }, "invalid_key"],
    [{ ...EVENT, keys: ["\ud800"] }, "invalid_key"],
    [{ ...EVENT, keys: ["k".repeat(513)] }, "invalid_key"],
    [{ ...EVENT, keys: Array.from({ length: 1001 }, (_, i) => `${i}`) }, "too_many_keys"],
    [{ ...EVENT, action: "drop" }, "wrong_shape"],
    [{ ...EVENT, action: "update", values: [] }, "wrong_shape"],
    [{ ...EVENT, action: "update", values: { "1": "§" } }, "invalid_value"],
    [{ ...EVENT, action: "update", values: { "1": 5 } }, "invalid_value"],
    [{ ...EVENT, action: "update", ttl_seconds: 1.5 }, "invalid_ttl"],
    [{ ...EVENT, action: "update", ttl_seconds: 2_592_001 }, "invalid_ttl"],
    [{ ...EVENT, padding: "x".repeat(MAX_EVENT_BYTES) }, "too_large"],
  ];
  for (const [json, reason] of cases) {
    assert.equal(reasonOf(json), reason, JSON.stringify(json).slice(0, 100));
  }
});

Deno.test("what older publishers send is read: no version, other members, keys named twice", () => {
  assert.deepEqual(
    decode({ ...EVENT, keys: ["b", "a", "b"], source: "billing", ttl_seconds: "x" }),
    {
      namespace: "users",
      keys: ["b", "a"],
      action: "delete",
      atMs: 1_700_000_000_999,
      values: new Map(),
      ttlSeconds: undefined,
    },
  );
});

Deno.test("values are those of the listed keys, own members only", () => {
  const text = '{"namespace":"n","keys":["__proto__","toString","a"],"action":"update",' +
    '"timestamp":1,"values":{"__proto__":"AQ==","other":"Ag==","a":""},"ttl_seconds":7}';
  const decoded = decode(text);
  assert("keys" in decoded);
  assert.deepEqual([...decoded.values], [["__proto__", Uint8Array.of(1)], [
    "a",
    new Uint8Array(0),
  ]]);
  assert.equal(decoded.ttlSeconds, 7);
});

Deno.test("what is encoded is decoded as it was, but for the time's last digits", () => {
  const keys = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20, unit: "binary" }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(keys, fc.nat(2 ** 40), fc.boolean(), (names, atMs, isUpdate) => {
      const values = new Map(
        isUpdate ? names.slice(1).map((name, i) => [name, new Uint8Array([i, 255])] as const) : [],
      );
      const event: InvalidationEvent = {
        namespace: "n",
        keys: names,
        action: isUpdate ? "update" : "delete",
        atMs,
        values,
        ttlSeconds: values.size > 0 ? 60 : undefined,
      };
      const decoded = decodeEvent(encodeEvent(event), LIMITS);
      assert.deepEqual(decoded, { ...event, atMs: Math.floor(atMs / 1000) * 1000 + 999 });
    }),
    propertyOptions(),
  );
});

Deno.test("no message breaks the decoder, and what it says holds nothing of the message", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const decoded = decode(text);
      assert("reason" in decoded);
      assert(decoded.detail.length > 0);
    }),
    propertyOptions(),
  );
  const secret = "hunter2-hunter2";
  for (const member of ["namespace", "keys", "action", "timestamp", "version"]) {
    const decoded = decode({ ...EVENT, [member]: [secret, { secret }] });
    assert("reason" in decoded && !decoded.detail.includes("hunter2"), member);
  }
});
