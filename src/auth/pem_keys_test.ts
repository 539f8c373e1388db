import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { PEM_POLL_MS, PemKeys } from "./pem_keys.ts";
import { TokenRefusal } from "./token_refusal.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** The certificate of an Ed25519 key, made by openssl. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBNDCB56ADAgECAhQAv+B+5Vma/7bYlC9TaVFbBnCL2DAFBgMrZXAwDzENMAsG
A1UEAwwEdGVzdDAgFw0yNjExMjIyMjIyMjFaGA8yMTI2MTAyOTIyMjIyMVowDzEN
MAsGA1UEAwwEdGVzdDAqMAUGAytlcAMhAAPDfGEvwoX9Zqq+KAsdMTUT68FDbgr6
Ieub86bk2Jkwo1MwUTAdBgNVHQ4EFgQUCBrFX9VguIg4cHcrKBHAsQdl+KAwHwYD
VR0jBBgwFoAUCBrFX9VguIg4cHcrKBHAsQdl+KAwDwYDVR0TAQH/BAUwAwEB/zAF
BgMrZXADQQDwh3dG624P8a+xafH7Q6yPruW2kRSooU3vq9l+ZpZswAdP79Mdtizi
Z/jdh8Gi4AR1ejB/CTSotNvHBlIgPcgG
-----END CERTIFICATE-----
`;

function publicPem({ publicKey }: { publicKey: KeyObject }): string {
  return `${publicKey.export({ type: "spki", format: "pem" })}`;
}

interface Rig {
  readonly keys: PemKeys;
  readonly clock: FakeClock;
  readonly file: { text: string | Error };
  readonly warnings: unknown[];
}

async function open(text: string): Promise<Rig> {
  const clock = new FakeClock();
  const file: Rig["file"] = { text };
  const warnings: unknown[] = [];
  const ignore = (): void => {};
  const keys = await PemKeys.open({
    read: () => file.text instanceof Error ? Promise.reject(file.text) : Promise.resolve(file.text),
    clock,
    logger: {
      debug: ignore,
      info: ignore,
      warn: (message, fields) => void warnings.push([message, fields]),
      error: ignore,
    },
  });
  return { keys, clock, file, warnings };
}

Deno.test("the key decides the algorithms; which key a token names does not matter", async () => {
  const { keys } = await open(publicPem(ec));
  assert.deepEqual(keys.algorithms, ["ES256"]);
  assert.equal((await keys.find({ alg: "ES256", kid: "any" })).type, "public");
  await assert.rejects(
    () => keys.find({ alg: "RS256", kid: undefined }),
    (error) => error instanceof TokenRefusal && error.reason === "algorithm",
  );
  const { algorithms } = (await open(publicPem(rsa))).keys;
  assert.deepEqual(algorithms, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
});

Deno.test("the key of a certificate, and an RSA key in its own form, will do", async () => {
  assert.deepEqual((await open(CERTIFICATE)).keys.algorithms, ["EdDSA", "Ed25519"]);
  const pkcs1 = `${rsa.publicKey.export({ type: "pkcs1", format: "pem" })}`;
  assert.equal((await open(pkcs1)).keys.algorithms.length, 6);
});

Deno.test("what is no single public key is refused in words, without quoting it", async () => {
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const cases: [string, RegExp][] = [
    [`${ec.privateKey.export({ type: "pkcs8", format: "pem" })}`, /a private key/],
    [`${ec.privateKey.export({ type: "sec1", format: "pem" })}`, /a private key/],
    [
      publicPem(rsa) + `${rsa.privateKey.export({ type: "pkcs1", format: "pem" })}`,
      /a private key/,
    ],
    [publicPem(rsa) + publicPem(ec), /2 PEM blocks/],
    ["", /0 PEM blocks/],
    ["-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n", /needs one PUBLIC KEY/],
    ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", /damaged/],
    [publicPem(weak), /RSA of at least 2048 bits/],
    ["x".repeat(70_000), /70000 characters/],
  ];
  for (const [pem, says] of cases) {
    await assert.rejects(() => open(pem), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, says);
      for (const line of pem.split("\n").filter((line) => line.length > 20 && line[0] !== "-")) {
        assert.ok(!error.message.includes(line));
      }
      return true;
    });
  }
});

Deno.test("a new file changes key, algorithms and epoch; the same key again does not", async () => {
  const rig = await open(publicPem(rsa));
  rig.file.text = `a comment\n${publicPem(rsa)}`;
  await rig.keys.look();
  assert.equal(rig.keys.epoch, 0);
  rig.file.text = publicPem(ec);
  await rig.clock.advance(PEM_POLL_MS);
  // Joins the look that the timer began.
  await rig.keys.look();
  assert.equal(rig.keys.epoch, 1);
  assert.deepEqual(rig.keys.algorithms, ["ES256"]);
});

Deno.test("a broken or missing new file keeps the old key, and warns once", async () => {
  const rig = await open(publicPem(rsa));
  for (const broken of ["garbage", new Error("gone"), `${publicPem(rsa)}${publicPem(ec)}`]) {
    rig.file.text = broken;
    await rig.keys.look();
    assert.equal(rig.keys.epoch, 0);
    assert.ok(rig.keys.algorithms.includes("RS256"));
  }
  assert.equal(rig.warnings.length, 1);
  rig.file.text = publicPem(ec);
  await rig.keys.look();
  assert.equal(rig.keys.epoch, 1);
});

Deno.test("after closing nothing is looked at any more", async () => {
  const { keys, clock } = await open(publicPem(rsa));
  keys.close();
  assert.equal(clock.pendingTimers, 0);
});
