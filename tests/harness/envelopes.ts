import { Secret } from "../../src/core/secret.ts";
import { AesGcmEnvelope } from "../../src/crypto/aes_gcm_envelope.ts";
import { importKeys, KeyRing, type RingKey } from "../../src/crypto/key_ring.ts";
import { systemRandom } from "../../src/system.ts";

/** The envelope of a service that has no key. */
export const withoutKeys = new AesGcmEnvelope({ ring: new KeyRing([]), random: systemRandom });

/** A key of 32 equal bytes, in base64. */
export function keyOf(byte: number): string {
  return new Uint8Array(32).fill(byte).toBase64();
}

/** Keys in base64 as a ring takes them. */
export function ringKeys(...keys: readonly string[]): Promise<readonly RingKey[]> {
  return importKeys(keys.map((key) => new Secret(key)));
}

/** An envelope with keys of one byte's value each, the one that seals first, and their ring. */
export async function createEnvelope(
  bytes: readonly number[],
  options: { readonly sealedNamespaces?: readonly string[]; readonly onRemoved?: () => void } = {},
): Promise<{ readonly envelope: AesGcmEnvelope; readonly ring: KeyRing }> {
  const { sealedNamespaces = [], onRemoved } = options;
  const ring = new KeyRing(await ringKeys(...bytes.map(keyOf)), onRemoved);
  return { envelope: new AesGcmEnvelope({ ring, random: systemRandom, sealedNamespaces }), ring };
}
