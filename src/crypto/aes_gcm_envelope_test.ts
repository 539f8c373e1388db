import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import type { Random } from "../core/clock.ts";
import { FLAG_ENCRYPTED } from "../core/entry.ts";
import { SEAL_OVERHEAD_BYTES, type SealContext } from "../core/envelope.ts";
import { asCacheError, CacheError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { AesGcmEnvelope } from "./aes_gcm_envelope.ts";
import { importKeys, KeyRing } from "./key_ring.ts";

const CONTEXT: SealContext = {
  namespace: "n",
  key: "k",
  flags: FLAG_ENCRYPTED,
  expiresAtMs: 1_735_693_200_123,
};
const VALUE = Uint8Array.of(1, 2, 3);

async function rig(
  { keys = [1, 2], random = new SeededRandom(1), sealedNamespaces = [] }: {
    readonly keys?: readonly number[];
    readonly random?: Random;
    readonly sealedNamespaces?: readonly string[];
  } = {},
): Promise<{ envelope: AesGcmEnvelope; ring: KeyRing; failures: () => number }> {
  const secrets = keys.map((byte) => new Secret(new Uint8Array(32).fill(byte).toBase64()));
  const ring = new KeyRing(await importKeys(secrets));
  let failures = 0;
  const onDecryptionFailure = (): void => void failures++;
  const envelope = new AesGcmEnvelope({ ring, random, sealedNamespaces, onDecryptionFailure });
  return { envelope, ring, failures: () => failures };
}

Deno.test("a payload holds the first key's id, a nonce and 16 bytes more than the value", async () => {
  const { envelope, ring } = await rig({
    random: { uint32: () => 0, bytes: (length) => new Uint8Array(length).fill(7) },
  });
  const payload = await envelope.seal(VALUE, CONTEXT);
  assert.equal(payload.length, VALUE.length + SEAL_OVERHEAD_BYTES);
  assert.equal(new DataView(payload.buffer).getUint32(0), ring.first?.id);
  assert.deepEqual(payload.subarray(4, 16), new Uint8Array(12).fill(7));
  assert.deepEqual(await envelope.open(payload, CONTEXT), VALUE);
});

Deno.test("no two payloads have the same nonce, be their values the same", async () => {
  const { envelope } = await rig();
  const nonces = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    nonces.add((await envelope.seal(VALUE, CONTEXT)).subarray(4, 16).toHex());
  }
  assert.equal(nonces.size, 1000);
});

Deno.test("a payload opens under every key of the ring, and current is what the first sealed", async () => {
  const older = await rig({ keys: [2] });
  const sealed = await older.envelope.seal(VALUE, CONTEXT);
  const { envelope } = await rig({ keys: [1, 2] });
  assert.deepEqual(await envelope.open(sealed, CONTEXT), VALUE);
  assert.equal(older.envelope.isCurrent(sealed), true);
  assert.equal(envelope.isCurrent(sealed), false);
  assert.equal(envelope.isCurrent(await envelope.seal(VALUE, CONTEXT)), true);
  assert.equal(envelope.isCurrent(sealed.subarray(0, SEAL_OVERHEAD_BYTES - 1)), false);
});

Deno.test("whatever is wrong, opening fails in the same words, and is counted", async () => {
  const { envelope, failures } = await rig();
  const sealed = await envelope.seal(VALUE, CONTEXT);
  const damaged = sealed.slice();
  damaged[20] = (damaged[20] ?? 0) ^ 1;
  const foreign = await (await rig({ keys: [3] })).envelope.seal(VALUE, CONTEXT);
  const faults: [string, Uint8Array<ArrayBuffer>, SealContext][] = [
    ["empty", new Uint8Array(0), CONTEXT],
    ["shorter than a key id", sealed.slice(0, 3), CONTEXT],
    ["shorter than a tag", sealed.slice(0, SEAL_OVERHEAD_BYTES - 1), CONTEXT],
    ["cut short", sealed.slice(0, -1), CONTEXT],
    ["damaged", damaged, CONTEXT],
    ["of an unknown key", foreign, CONTEXT],
    ["of another key", sealed, { ...CONTEXT, key: "K" }],
    ["of another namespace", sealed, { ...CONTEXT, namespace: "m" }],
    ["of another expiry", sealed, { ...CONTEXT, expiresAtMs: CONTEXT.expiresAtMs + 1 }],
    ["of another expiry, far away", sealed, {
      ...CONTEXT,
      expiresAtMs: CONTEXT.expiresAtMs + 2 ** 32,
    }],
    ["with other flags", sealed, { ...CONTEXT, flags: 3 }],
  ];
  for (const [name, payload, context] of faults) {
    const error = await envelope.open(payload, context).catch(asCacheError);
    assert(error instanceof CacheError, name);
    const { code, message, cause } = error;
    const told = [code, message, cause];
    assert.deepEqual(told, ["decryption_failed", "The stored value cannot be opened.", undefined]);
  }
  assert.equal(failures(), faults.length);
});

Deno.test("a letter moved from the namespace to the key is another entry", async () => {
  const { envelope } = await rig();
  const sealed = await envelope.seal(VALUE, { ...CONTEXT, namespace: "ab", key: "c" });
  const moved = { ...CONTEXT, namespace: "a", key: "bc" };
  await assert.rejects(envelope.open(sealed, moved), { code: "decryption_failed" });
});

Deno.test("without a key nothing is sealed or opened", async () => {
  const sealed = await (await rig()).envelope.seal(VALUE, CONTEXT);
  const { envelope, failures } = await rig({ keys: [] });
  await assert.rejects(envelope.seal(VALUE, CONTEXT), { code: "encryption_unavailable" });
  await assert.rejects(envelope.open(sealed, CONTEXT), { code: "decryption_failed" });
  assert.equal(envelope.isCurrent(sealed), false);
  assert.equal(failures(), 1);
});

Deno.test("what keeps a value from being sealed is encryption_failed", async () => {
  const { envelope } = await rig({
    random: { uint32: () => 0, bytes: () => new Uint8Array(0) },
  });
  await assert.rejects(envelope.seal(VALUE, CONTEXT), { code: "encryption_failed" });
});

Deno.test("namespaces that are listed are always sealed, or all of them", async () => {
  const listed = (await rig({ sealedNamespaces: ["a", "b"] })).envelope;
  assert.deepEqual(["a", "b", "c"].map((name) => listed.alwaysSeals(name)), [true, true, false]);
  assert.equal((await rig()).envelope.alwaysSeals("a"), false);
  assert.equal((await rig({ sealedNamespaces: ["a", "*"] })).envelope.alwaysSeals("c"), true);
});
