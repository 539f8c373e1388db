import assert from "node:assert/strict";
import { Secret } from "../core/secret.ts";
import { importKeys, KeyRing, type RingKey } from "./key_ring.ts";

const [A = "", B = ""] = [1, 2].map((byte) => new Uint8Array(32).fill(byte).toBase64());
/** Zeros with a number at the end; SHA-256 of both starts with 93613343. */
const SAME_ID = [50_323, 54_260].map((number) => {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(28, number);
  return key.toBase64();
});

function imported(...keys: readonly string[]): Promise<readonly RingKey[]> {
  return importKeys(keys.map((key) => new Secret(key)));
}

Deno.test("a key's id is how its SHA-256 begins", async () => {
  const ids = (await imported(...SAME_ID.slice(0, 1), A)).map(({ id }) => id);
  // The other one: printf "\\x01%.0s" {1..32} | sha256sum
  assert.deepEqual(ids, [0x93613343, 0x72cd6e84]);
});

Deno.test("a key cannot be read back", async () => {
  const [first] = await imported(A);
  assert(first !== undefined);
  assert.equal(first.key.extractable, false);
  await assert.rejects(crypto.subtle.exportKey("raw", first.key));
});

Deno.test("a key that is named twice is taken once", async () => {
  assert.equal((await imported(A, B, A)).length, 2);
});

Deno.test("two keys of one id are refused, and the message holds neither", async () => {
  await assert.rejects(imported(A, ...SAME_ID), (error) => {
    assert(error instanceof Error);
    assert.match(error.message, /same id/);
    for (const key of SAME_ID) assert.equal(error.message.includes(key.slice(0, 6)), false);
    return true;
  });
});

Deno.test("the first key seals and all are found, until they are replaced", async () => {
  const [a, b] = await imported(A, B);
  assert(a !== undefined && b !== undefined);
  let removals = 0;
  const ring = new KeyRing([a], () => removals++);
  assert.equal(ring.first, a);
  assert.equal(ring.find(b.id), undefined);
  ring.replace([b, a]);
  assert.equal(ring.first, b);
  assert.equal(ring.find(a.id), a.key);
  assert.equal(removals, 0);
  ring.replace([b]);
  assert.equal(ring.find(a.id), undefined);
  assert.equal(removals, 1);
  assert.equal(new KeyRing([]).first, undefined);
});

Deno.test("a removed key is out of the ring when its removal is told", async () => {
  const [a, b] = await imported(A, B);
  assert(a !== undefined && b !== undefined);
  let found: CryptoKey | undefined = a.key;
  const ring: KeyRing = new KeyRing([a], () => {
    found = ring.find(a.id);
  });
  ring.replace([b]);
  assert.equal(found, undefined);
});
