import assert from "node:assert/strict";
import { decodeEntry, encodeEntry } from "../../src/core/entry.ts";
import golden from "./entry_format_1.json" with { type: "json" };

// These bytes are in Redis instances of released versions: what fails here must not be mended here.
for (const { name, entry, stored } of golden.cases) {
  const value = { ...entry, payload: Uint8Array.fromHex(entry.payload) };
  Deno.test(`format 1, ${name}: writes the released bytes`, () => {
    assert.equal(encodeEntry(value).toHex(), stored);
  });
  Deno.test(`format 1, ${name}: reads the released bytes`, () => {
    assert.deepEqual(decodeEntry(Uint8Array.fromHex(stored)), value);
  });
}
