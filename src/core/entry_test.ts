import assert from "node:assert/strict";
import fc from "fast-check";
import { propertyOptions } from "../../tests/support/seeded_random.ts";
import {
  decodeEntry,
  encodeEntry,
  type Entry,
  FLAG_ENCRYPTED,
  FLAG_TOMBSTONE,
  isLive,
} from "./entry.ts";
import { CacheError } from "./errors.ts";

const ENTRY: Entry = {
  flags: 0,
  stamp: { ms: 1_735_689_600_123, counter: 1, writer: 7 },
  expiresAtMs: 1_735_693_200_123,
  payload: new Uint8Array([1, 2, 3]),
};

const anyEntry = fc.record({
  flags: fc.constantFrom(0, FLAG_ENCRYPTED),
  stamp: fc.record({
    ms: fc.maxSafeNat().map((ms) => ms % 2 ** 48),
    counter: fc.nat(0xffff),
    writer: fc.nat(0xffff_ffff),
  }, { noNullPrototype: true }),
  expiresAtMs: fc.maxSafeNat(),
  payload: fc.uint8Array({ maxLength: 64 }).map((bytes) => new Uint8Array(bytes)),
}, { noNullPrototype: true });

Deno.test("any entry is read as it was written", () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      assert.deepEqual(decodeEntry(encodeEntry(entry)), entry);
    }),
    propertyOptions(),
  );
});

Deno.test("any bytes are read as an entry or refused as entry_invalid", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const read = decodeEntry(new Uint8Array(bytes));
      if (read instanceof CacheError) assert.equal(read.code, "entry_invalid");
      else assert.deepEqual([...encodeEntry(read)], [...bytes]);
    }),
    propertyOptions({ numRuns: 1000 }),
  );
});

const DAMAGE: readonly [string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>][] = [
  ["nothing", () => new Uint8Array(0)],
  ["a header cut short", (bytes) => bytes.slice(0, 23)],
  ["another magic byte", (bytes) => bytes.with(0, 0xc4)],
  ["a later format", (bytes) => bytes.with(1, 2)],
  ["the reserved flag of compression", (bytes) => bytes.with(2, 2)],
  ["an unknown flag", (bytes) => bytes.with(2, 8)],
  ["a sealed tombstone", (bytes) => bytes.with(2, FLAG_ENCRYPTED | FLAG_TOMBSTONE)],
  ["a tombstone with a payload", (bytes) => bytes.with(2, FLAG_TOMBSTONE)],
  ["a reserved byte that is set", (bytes) => bytes.with(3, 1)],
  ["an expiry beyond 2^53", (bytes) => bytes.with(16, 0xff)],
];

for (const [what, damage] of DAMAGE) {
  Deno.test(`${what} is entry_invalid`, () => {
    const read = decodeEntry(damage(encodeEntry(ENTRY)));
    assert(read instanceof CacheError);
    assert.equal(read.code, "entry_invalid");
  });
}

Deno.test("an entry lives until its expiry, a tombstone never does", () => {
  assert.equal(isLive(ENTRY, ENTRY.expiresAtMs - 1), true);
  assert.equal(isLive(ENTRY, ENTRY.expiresAtMs), false);
  assert.equal(isLive({ ...ENTRY, flags: FLAG_TOMBSTONE }, 0), false);
});
