import assert from "node:assert/strict";
import { keySlot } from "./key_slot.ts";

// The slots are those that Redis 7.0 answers to CLUSTER KEYSLOT.
const SLOTS: readonly [string, number][] = [
  ["123456789", 12739],
  ["", 0],
  ["foo", 12182],
  ["{foo}bar", 12182],
  ["a{foo}{bar}", 12182],
  ["foo{}{bar}", 8363],
  ["foo{{bar}}zap", 4015],
  ["foo{bar", 15278],
  ["cache:n:é", 1237],
  ["cache:n:🙂", 2393],
];

for (const [key, slot] of SLOTS) {
  Deno.test(`the slot of ${JSON.stringify(key)} is ${slot}`, () => {
    assert.equal(keySlot(key), slot);
  });
}
