import assert from "node:assert/strict";
import { base64Length, decodeBase64 } from "./base64.ts";

Deno.test("decodeBase64 reads standard base64 with padding", () => {
  assert.deepEqual(decodeBase64(""), new Uint8Array(0));
  assert.deepEqual(decodeBase64("AA=="), Uint8Array.of(0));
  assert.deepEqual(decodeBase64("+/8="), Uint8Array.of(0xfb, 0xff));
});

Deno.test("decodeBase64 refuses every other form", () => {
  for (
    const text of [
      "A",
      "AA",
      "AA=",
      "AA==A",
      "AB==",
      "-_8=",
      " AA==",
      "AA==\n",
      "A A==",
      "AAAA ",
      "=",
      "é",
    ]
  ) assert.equal(decodeBase64(text), undefined, JSON.stringify(text));
});

Deno.test("base64Length counts the padding", () => {
  assert.deepEqual([0, 1, 2, 3, 4].map(base64Length), [0, 4, 4, 4, 8]);
});
