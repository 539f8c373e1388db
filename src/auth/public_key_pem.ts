import { createPublicKey } from "node:crypto";
import { algorithmsOf, PublicKeys } from "./public_keys.ts";

const MAX_PEM_LENGTH = 64 * 1024;

/** A public key out of a file, and the algorithms that fit it. */
export interface PublicKey {
  readonly keys: PublicKeys;
  readonly algorithms: readonly string[];
}

/**
 * Reads one public key: `PUBLIC KEY` (RFC 7468 section 13), `RSA PUBLIC KEY` (RFC 8017 appendix A),
 * or the key of a `CERTIFICATE` (section 5), of which nothing else is looked at. Rejects with an
 * `Error` that says what is wrong and quotes nothing of the text.
 */
export async function parsePublicKeyPem(pem: string): Promise<PublicKey> {
  checkLabels(pem);
  const jwk = parseJwk(pem);
  const algorithms = algorithmsOf(jwk);
  const keys = await PublicKeys.of([jwk]);
  if (keys.size === 0) {
    throw new Error("the key is none of RSA of at least 2048 bits, P-256, P-384, P-521, Ed25519");
  }
  return { keys, algorithms };
}

/** A private key would do as well, for its public half; that it is here at all is the fault. */
function checkLabels(pem: string): void {
  if (pem.length > MAX_PEM_LENGTH) {
    throw new Error(`the text has ${pem.length} characters, more than ${MAX_PEM_LENGTH}`);
  }
  const labels = [...pem.matchAll(/-----BEGIN ([^-\r\n]*)-----/g)].map(([, label]) => label ?? "");
  if (labels.some((label) => label.endsWith("PRIVATE KEY"))) {
    throw new Error("it holds a private key; the service needs the public key only");
  }
  const isPublic = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"].includes(labels[0] ?? "");
  if (labels.length !== 1 || !isPublic) {
    throw new Error(`it holds ${labels.length} PEM blocks; it needs one PUBLIC KEY or CERTIFICATE`);
  }
}

function parseJwk(pem: string): { readonly kty?: unknown; readonly crv?: unknown } {
  try {
    return createPublicKey(pem).export({ format: "jwk" });
  } catch {
    throw new Error("its PEM block is damaged or of an unknown kind");
  }
}
