import { createHmac, type KeyObject, sign } from "node:crypto";

/** Makes the signature of a token over its first two parts. */
export type Signer = (input: Uint8Array) => Uint8Array;

/**
 * A token with exactly this header and these claims, also ones that no library would sign. What is
 * a string goes in as it is, all else as JSON.
 */
export function rawToken(
  { header, claims }: { readonly header: unknown; readonly claims: unknown },
  signer: Signer,
): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${base64url(signer(new TextEncoder().encode(input)))}`;
}

/** Signs by HMAC; `hash` is a name of node:crypto. */
export function hmacSigner(secret: string, hash = "sha256"): Signer {
  return (input) => createHmac(hash, secret).update(input).digest();
}

/** Signs by RS256, ES256 or EdDSA, as the private key is. */
export function keySigner(key: KeyObject): Signer {
  const hash = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return (input) => sign(hash, input, { key, dsaEncoding: "ieee-p1363" });
}

/** No signature at all. */
export const noSigner: Signer = () => new Uint8Array(0);

/** Bytes in base64url without padding (RFC 7515 section 2). */
export function base64url(bytes: Uint8Array): string {
  return new Uint8Array(bytes).toBase64({ alphabet: "base64url", omitPadding: true });
}

function part(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return base64url(new TextEncoder().encode(text));
}
