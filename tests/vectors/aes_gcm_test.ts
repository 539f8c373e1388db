// Requirement 5.3: what seals values is AES-256-GCM as published, not merely its own inverse.
import assert from "node:assert/strict";
import { decrypt, encrypt } from "../../src/crypto/aes_gcm.ts";
import { ringKeys } from "../harness/envelopes.ts";
import vectors from "./aes_gcm_256.json" with { type: "json" };

for (const { source, cases } of vectors.sources) {
  for (const { name, key, iv, aad, ciphertext, tag, ...rest } of cases) {
    Deno.test(`AES-256-GCM, ${source}: ${name}`, async () => {
      const [imported] = await ringKeys(Uint8Array.fromHex(key).toBase64());
      assert(imported !== undefined);
      const inputs = { nonce: Uint8Array.fromHex(iv), additionalData: Uint8Array.fromHex(aad) };
      const sealed = Uint8Array.fromHex(ciphertext + tag);
      if (!("plaintext" in rest)) {
        await assert.rejects(decrypt(sealed, imported.key, inputs));
        return;
      }
      const plaintext = Uint8Array.fromHex(rest.plaintext);
      assert.deepEqual(await encrypt(plaintext, imported.key, inputs), sealed);
      assert.deepEqual(await decrypt(sealed, imported.key, inputs), plaintext);
    });
  }
}
