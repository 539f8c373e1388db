import assert from "node:assert/strict";
import { decodeEntry, encodeEntry, FLAG_ENCRYPTED } from "../../src/core/entry.ts";
import { CacheError } from "../../src/core/errors.ts";
import { AesGcmEnvelope } from "../../src/crypto/aes_gcm_envelope.ts";
import { KeyRing } from "../../src/crypto/key_ring.ts";
import { ringKeys } from "../harness/envelopes.ts";
import golden from "./sealed_entry_format_1.json" with { type: "json" };

// These bytes are in Redis instances of released versions: what fails here must not be mended here.
// They were made by another implementation of AES-GCM, not by this one.
for (const { name, key, nonce, namespace, entryKey, stored, ...golden1 } of golden.cases) {
  const { stamp, expiresAtMs } = golden1;
  const value = Uint8Array.fromHex(golden1.value);
  const context = { namespace, key: entryKey, flags: FLAG_ENCRYPTED, expiresAtMs };

  const open = async (): Promise<AesGcmEnvelope> => {
    const keys = await ringKeys(Uint8Array.fromHex(key).toBase64());
    const random = { uint32: () => 0, bytes: () => Uint8Array.fromHex(nonce) };
    return new AesGcmEnvelope({ ring: new KeyRing(keys), random });
  };

  Deno.test(`sealed entry of format 1, ${name}: writes the released bytes`, async () => {
    const payload = await (await open()).seal(value, context);
    const entry = { flags: FLAG_ENCRYPTED, stamp, expiresAtMs, payload };
    assert.equal(encodeEntry(entry).toHex(), stored);
  });

  Deno.test(`sealed entry of format 1, ${name}: opens the released bytes`, async () => {
    const entry = decodeEntry(Uint8Array.fromHex(stored));
    assert(!(entry instanceof CacheError));
    assert.deepEqual([entry.flags, entry.stamp], [FLAG_ENCRYPTED, stamp]);
    const found = { ...context, flags: entry.flags, expiresAtMs: entry.expiresAtMs };
    assert.deepEqual(await (await open()).open(entry.payload, found), value);
  });
}
