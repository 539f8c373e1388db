import assert from "node:assert/strict";
import { MAX_KEY_LIST_BYTES, parseKeyList } from "./key_list.ts";

const [A = "", B = "", C = ""] = ["a", "b", "c"].map((letter) => btoa(letter.repeat(32)));

function keys(text: string): readonly string[] | string {
  const parsed = parseKeyList(text);
  return parsed instanceof Error ? parsed.message : parsed.map((key) => key.reveal());
}

Deno.test("keys stand between commas, with white space around them", () => {
  for (
    const text of [
      `${A},${B},${C}`,
      `${A}, ${B} ,${C}\n`,
      `${A},\n${B},\n${C}\n`,
      `\r\n  ${A},\r\n\r\n\t${B} , \r\n${C}\r\n`,
      `\ufeff${A},${B}\n \n,${C}`,
    ]
  ) assert.deepEqual(keys(text), [A, B, C], JSON.stringify(text));
  assert.deepEqual(keys(A), [A]);
  assert.deepEqual(keys(`${A},${A}`), [A, A]);
});

Deno.test("a list that is empty, cut short or holds anything else is refused", () => {
  const broken = [
    "",
    "\n",
    `${A},`,
    `,${A}`,
    `${A},,${B}`,
    `${A} ${B}`,
    `${A}\n${B}`,
    `${A},${B.slice(0, -2)}`,
  ];
  broken.push(`{"key":"${A}"}`, btoa("a".repeat(31)), `${A.slice(0, -2)}F=`, `${A}\0`);
  for (const text of broken) {
    assert.match(String(keys(text)), /exactly 32 bytes; item \d of \d/, JSON.stringify(text));
  }
});

Deno.test("the list is bounded in bytes and in keys", () => {
  assert.equal(keys(Array(64).fill(A).join(",\n")).length, 64);
  assert.match(String(keys(Array(65).fill(A).join(","))), /at most 64 keys; this one has 65/);
  const long = A + " ".repeat(MAX_KEY_LIST_BYTES);
  assert.match(String(keys(long)), /at most 65536 bytes/);
  assert.deepEqual(keys(long.slice(0, MAX_KEY_LIST_BYTES)), [A]);
});

Deno.test("what is wrong with a list tells nothing of it", () => {
  const text = `${A},${B.slice(0, 20)}`;
  const message = String(keys(text));
  for (const piece of [A.slice(0, 8), B.slice(0, 8)]) assert.equal(message.includes(piece), false);
});
