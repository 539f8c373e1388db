// Published tokens of RFC 7515 appendix A and RFC 8037 appendix A.4. Requirement 5.1: who calls is
// told by a JWT.
import assert from "node:assert/strict";
import type { CryptoKey, JWK } from "jose";
import { JwtVerifier } from "../../src/auth/jwt_verifier.ts";
import { PublicKeys } from "../../src/auth/public_keys.ts";
import type { SigningKeys } from "../../src/auth/signing_keys.ts";
import { TokenRefusal } from "../../src/auth/token_refusal.ts";
import { FakeClock } from "../support/fake_clock.ts";
import vectors from "./jws.json" with { type: "json" };

type Vector = typeof vectors[number];

/** The vector's key; that of A.1 is no text, so it cannot be a setting. */
async function keyOf({ key, alg }: Vector): Promise<CryptoKey> {
  if (key.kty === "oct") {
    const hmac = { name: "HMAC", hash: "SHA-256" };
    return await crypto.subtle.importKey("jwk", key as JsonWebKey, hmac, false, ["verify"]);
  }
  const found = await (await PublicKeys.of([key as JWK])).find({ alg, kid: undefined });
  return found ?? assert.fail(`no key for ${alg}`);
}

async function verdict(
  vector: Vector,
  options: { token?: string; atMs?: number },
): Promise<string> {
  const key = await keyOf(vector);
  const keys: SigningKeys = {
    algorithms: [vector.alg],
    epoch: 0,
    find: () => Promise.resolve(key),
    look: () => Promise.resolve(),
    close: () => {},
  };
  const clock = new FakeClock(options.atMs === undefined ? {} : { wallMs: options.atMs });
  try {
    await new JwtVerifier({ keys, clock }).verify(`Bearer ${options.token ?? vector.token}`);
    return "ok";
  } catch (error) {
    if (error instanceof TokenRefusal) return error.reason;
    throw error;
  }
}

for (const vector of vectors) {
  Deno.test(`${vector.alg}: ${vector.source}`, async () => {
    if (vector.exp === undefined) {
      // What is signed there is no set of claims; that it was read tells that the signature is right.
      assert.equal(await verdict(vector, {}), "malformed");
    } else {
      assert.equal(await verdict(vector, { atMs: vector.exp * 1000 - 1 }), "ok");
      assert.equal(await verdict(vector, { atMs: vector.exp * 1000 }), "expired");
    }
    const dot = vector.token.lastIndexOf(".");
    const swapped = vector.token[dot + 2] === "A" ? "B" : "A";
    const edited = vector.token.slice(0, dot + 2) + swapped + vector.token.slice(dot + 3);
    assert.equal(await verdict(vector, { token: edited }), "signature");
  });
}
