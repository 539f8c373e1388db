import assert from "node:assert/strict";
import { hasMoreValues } from "./json_size.ts";

const hasMore = (text: string, maxValues: number): boolean =>
  hasMoreValues(new TextEncoder().encode(text), maxValues);

Deno.test("members and items count, at any depth, and nothing inside a string does", () => {
  const values: Record<string, number> = {
    '{"keys":["a","b"]}': 4,
    "[1, 2,\n[3], {}]": 7,
    '{"entries":{"a":"AA==","b":""}}': 4,
    '[",,,[{","\\\\",",\\",[{","\\\\\\",","",","]': 7,
    "[[[[": 5,
    '""': 1,
  };
  for (const [text, count] of Object.entries(values)) {
    assert.equal(hasMore(text, count), false, text);
    assert.equal(hasMore(text, count - 1), count > 1, text);
  }
});

Deno.test("text that is no JSON gets an answer", () => {
  for (const text of ["", '"', '"\\', '"\\"', "\\", '"a\\\\\\"', '[,"']) hasMore(text, 1);
});

Deno.test("a legal batch is never too much, whatever its keys hold", () => {
  const keys = Array.from({ length: 1000 }, (_, index) => `",[{\\\\"\\${index}\\`);
  assert.equal(hasMore(JSON.stringify({ keys }, null, 4), 1000 + 3), false);
});
