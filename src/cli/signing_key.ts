import { createPrivateKey, type KeyObject } from "node:crypto";
import { UsageError } from "./arguments.ts";

/** A private key that signs tokens, and the algorithm that its kind signs with. */
export interface SigningKey {
  readonly key: KeyObject;
  /** As a token's header names it (RFC 7518 section 3.1, RFC 8037). */
  readonly algorithm: string;
}

const CURVE_ALGORITHMS: ReadonlyMap<string | undefined, string> = new Map([
  ["prime256v1", "ES256"],
  ["secp384r1", "ES384"],
  ["secp521r1", "ES512"],
]);
const MIN_RSA_BITS = 2048;

/** Reads the private key (PEM) that `--key-file` names. Throws `UsageError` where it cannot sign. */
export function readSigningKey(path: string): SigningKey {
  const key = parse(readText(path), path);
  const algorithm = algorithmOf(key);
  if (algorithm !== undefined) return { key, algorithm };
  throw new UsageError(
    `--key-file must hold an Ed25519 key, an RSA key of at least ${MIN_RSA_BITS} bits or an EC ` +
      `key on P-256, P-384 or P-521: ${path}`,
  );
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.name : "unknown error";
    throw new UsageError(`--key-file names a file that cannot be read (${reason}): ${path}`);
  }
}

function parse(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // What the parser says may quote the file.
    throw new UsageError(`--key-file must hold a private key in PEM, unencrypted: ${path}`);
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === "ed25519") return "EdDSA";
  if (asymmetricKeyType === "ec") return CURVE_ALGORITHMS.get(asymmetricKeyDetails?.namedCurve);
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  return asymmetricKeyType === "rsa" && bits >= MIN_RSA_BITS ? "RS256" : undefined;
}
