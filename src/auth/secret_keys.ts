import type { CryptoKey } from "jose";
import type { Secret } from "../core/secret.ts";
import type { TokenHeader } from "./compact_token.ts";
import type { SigningKeys } from "./signing_keys.ts";

/** The hash of each algorithm that takes a secret (RFC 7518 section 3.2). */
const HASHES: ReadonlyMap<string, string> = new Map([
  ["HS256", "SHA-256"],
  ["HS384", "SHA-384"],
  ["HS512", "SHA-512"],
]);

/** A secret that issuer and service share; its bytes are those of its text in UTF-8. */
export class SecretKeys implements SigningKeys {
  readonly algorithms = [...HASHES.keys()];
  readonly epoch = 0;
  readonly #secret: Secret;
  readonly #keys = new Map<string, Promise<CryptoKey>>();

  constructor(secret: Secret) {
    this.#secret = secret;
  }

  /** There is one secret, so it does not matter which key the token names. */
  find({ alg }: TokenHeader): Promise<CryptoKey> {
    let key = this.#keys.get(alg);
    if (key === undefined) {
      key = this.#import(HASHES.get(alg));
      this.#keys.set(alg, key);
    }
    return key;
  }

  look(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}

  #import(hash: string | undefined): Promise<CryptoKey> {
    if (hash === undefined) {
      throw new RangeError("cannot find a key: the algorithm takes no secret");
    }
    const bytes = new TextEncoder().encode(this.#secret.reveal());
    return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash }, false, ["verify"]);
  }
}
