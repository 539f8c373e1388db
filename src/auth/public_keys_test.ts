import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { PublicKeys } from "./public_keys.ts";
import { TokenRefusal } from "./token_refusal.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed25519 = generateKeyPairSync("ed25519");

function jwk({ publicKey }: { publicKey: KeyObject }, members: object = {}): object {
  return { ...publicKey.export({ format: "jwk" }), ...members };
}

async function finds(members: unknown[], header: { alg: string; kid?: string }): Promise<boolean> {
  const keys = await PublicKeys.of(members);
  return await keys.find({ alg: header.alg, kid: header.kid }) !== undefined;
}

Deno.test("a key serves the algorithms of its kind only", async () => {
  const all = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
    .concat("EdDSA", "Ed25519", "HS256", "none", "ML-DSA-44", "constructor");
  const served = async (key: object): Promise<string[]> => {
    const keys = await PublicKeys.of([key]);
    const found: string[] = [];
    for (const alg of all) {
      const key = await keys.find({ alg, kid: undefined }).catch(() => undefined);
      if (key !== undefined) found.push(alg);
    }
    return found;
  };
  assert.deepEqual(await served(jwk(rsa)), all.slice(0, 6));
  assert.deepEqual(await served(jwk(rsa, { alg: "PS256" })), ["PS256"]);
  assert.deepEqual(await served(jwk(p256)), ["ES256"]);
  assert.deepEqual(await served(jwk(ed25519)), ["EdDSA", "Ed25519"]);
});

Deno.test("keys for other uses, private, symmetric, weak and broken ones are skipped", async () => {
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const members = [
    jwk(rsa, { use: "enc" }),
    jwk(rsa, { key_ops: ["encrypt"] }),
    jwk(rsa, { key_ops: "verify" }),
    jwk(rsa, { alg: "RSA-OAEP" }),
    jwk(rsa, { alg: "ES256" }),
    jwk(rsa, { alg: "HS256" }),
    jwk(rsa, { d: "AQAB" }),
    jwk(rsa, { kid: 7 }),
    jwk(rsa, { kid: "x".repeat(257) }),
    jwk(rsa, { n: "!" }),
    jwk(rsa, { kty: { toString: 1 } }),
    jwk(p256, { x: "!" }),
    jwk(p256, { crv: "secp256k1" }),
    jwk(weak),
    p256.privateKey.export({ format: "jwk" }),
    { kty: "oct", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA" },
    { kty: "oct", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", alg: "HS256", kid: "h" },
    {},
    null,
    "key",
    [],
  ];
  for (const member of members) {
    assert.equal((await PublicKeys.of([member])).size, 0, JSON.stringify(member));
  }
  const keys = await PublicKeys.of([...members, jwk(ed25519, { use: "sig", key_ops: ["verify"] })]);
  assert.equal(keys.size, 1);
  assert.notEqual(await keys.find({ alg: "EdDSA", kid: undefined }), undefined);
});

Deno.test("a named key is found by its name, an unnamed token only where one key fits", async () => {
  const two = [jwk(p256, { kid: "a" }), jwk(ed25519, { kid: "b" })];
  assert.equal(await finds(two, { alg: "ES256", kid: "a" }), true);
  assert.equal(await finds(two, { alg: "ES256", kid: "b" }), false);
  assert.equal(await finds(two, { alg: "ES256", kid: "A" }), false);
  assert.equal(await finds(two, { alg: "ES256" }), true);
  assert.equal(await finds([jwk(p256)], { alg: "ES256", kid: "a" }), false);
  assert.equal(await finds([jwk(p256)], { alg: "ES256" }), true);
  const twins = [jwk(p256, { kid: "a" }), jwk(p256, { kid: "b" })];
  const ambiguous = (error: unknown): boolean =>
    error instanceof TokenRefusal && error.reason === "unknown_key";
  await assert.rejects(() => finds(twins, { alg: "ES256" }), ambiguous);
  await assert.rejects(() => finds([...twins, ...twins], { alg: "ES256", kid: "a" }), ambiguous);
});

Deno.test("a set equals another with the same usable keys, in any order", async () => {
  const set = await PublicKeys.of([jwk(p256, { kid: "a" }), jwk(ed25519)]);
  assert.ok(
    set.equals(await PublicKeys.of([jwk(ed25519), jwk(p256, { kid: "a" }), { kty: "oct" }])),
  );
  assert.ok(!set.equals(await PublicKeys.of([jwk(ed25519), jwk(p256, { kid: "b" })])));
  assert.ok(!set.equals(await PublicKeys.of([jwk(ed25519)])));
});
