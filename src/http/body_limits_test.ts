import assert from "node:assert/strict";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { bodyLimits } from "./body_limits.ts";

const SIZES = bodyLimits(DEFAULT_LIMITS);
const { maxValueBytes, maxBatchBytes, maxBatchKeys, maxKeyBytes } = DEFAULT_LIMITS;

Deno.test("a raw body is the value and nothing else", () => {
  assert.equal(SIZES.raw, maxValueBytes);
});

Deno.test("the largest value fits into a PUT of JSON, little more does", () => {
  const body = { value: new Uint8Array(maxValueBytes).toBase64(), ttl_seconds: 1, encrypt: false };
  const length = JSON.stringify(body, null, 2).length;
  assert.ok(length <= SIZES.json);
  assert.ok(SIZES.json < length * 1.1);
});

Deno.test("the longest keys, written in the longest way, fit into both batches", () => {
  const key = "\0".repeat(maxKeyBytes);
  const keys = Array.from({ length: maxBatchKeys }, () => key);
  assert.ok(JSON.stringify({ keys }).length <= SIZES.batchGet);
  const member = JSON.stringify(key).length + ':"==",\n'.length;
  const values = new Uint8Array(maxBatchBytes).toBase64().length + 2 * maxBatchKeys;
  assert.ok(member * maxBatchKeys + values <= SIZES.batchSet);
});
