// Requirements 5.1 and 5.2: forged, stolen and damaged tokens get nowhere, over both APIs.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { startTestApp, type TestApp } from "../harness/apps.ts";
import { SkippingClock } from "../harness/skipping_clock.ts";
import { ApiVerdicts } from "../support/api_verdicts.ts";
import { JwksServer } from "../support/jwks_server.ts";
import { base64url, hmacSigner, keySigner, noSigner, rawToken } from "../support/raw_token.ts";

const SECRET = "the secret of the attacked service, of over 32 bytes";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PUBLIC_PEM = `${rsa.publicKey.export({ type: "spki", format: "pem" })}`;
const mallory = generateKeyPairSync("rsa", { modulusLength: 2048 });

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

function claims(changes: object = {}): object {
  return { namespace: "n", iss: "me", aud: "you", exp: nowSeconds() + 300, ...changes };
}

function signed(changes: object = {}, header: object = {}): string {
  return rawToken(
    { header: { alg: "HS256", ...header }, claims: claims(changes) },
    hmacSigner(SECRET),
  );
}

function rsaSigned(header: object, key = rsa.privateKey): string {
  return rawToken({ header: { alg: "RS256", ...header }, claims: claims() }, keySigner(key));
}

interface Target {
  readonly app: TestApp;
  readonly apis: ApiVerdicts;
}

/** A service that checks tokens with {@linkcode SECRET}. */
async function withSecret(attack: (target: Target) => Promise<void>): Promise<void> {
  await using app = await startTestApp({
    AUTH_ENABLED: "true",
    AUTH_JWT_SECRET: SECRET,
    AUTH_JWT_ISSUER: "me",
    AUTH_JWT_AUDIENCE: "you",
  });
  using apis = new ApiVerdicts(app);
  assert.equal(await apis.ofToken(signed()), "ok");
  await attack({ app, apis });
}

/** A service that checks tokens with a public key out of a file. */
async function withPem(
  attack: (target: Target & { file: string }) => Promise<void>,
): Promise<void> {
  const file = await Deno.makeTempFile({ prefix: "cache-service-test-" });
  try {
    await Deno.writeTextFile(file, PUBLIC_PEM);
    await using app = await startTestApp({ AUTH_ENABLED: "true", AUTH_JWT_PUBLIC_KEY_FILE: file });
    using apis = new ApiVerdicts(app);
    assert.equal(await apis.ofToken(rsaSigned({})), "ok");
    await attack({ app, apis, file });
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("attack: no signature, with alg none in any case", async () => {
  await withSecret(async ({ apis }) => {
    for (const alg of ["none", "None", "NONE", "nOnE", "none ", ""]) {
      const [header, payload] = rawToken({ header: { alg }, claims: claims() }, noSigner).split(
        ".",
      );
      for (const signature of ["", "AA", signed().split(".")[2]]) {
        const token = `${header}.${payload}.${signature}`;
        assert.equal(await apis.ofToken(token), "unauthorized", token);
      }
    }
  });
});

Deno.test("attack: HS256 with the text of the public key as the secret", async () => {
  await withPem(async ({ apis }) => {
    const der = rsa.publicKey.export({ type: "spki", format: "der" });
    for (
      const text of [PUBLIC_PEM, PUBLIC_PEM.trim(), der.toString("base64"), der.toString("latin1")]
    ) {
      for (const bits of ["256", "384", "512"]) {
        const signer = hmacSigner(text, `sha${bits}`);
        const token = rawToken({ header: { alg: `HS${bits}` }, claims: claims() }, signer);
        assert.equal(await apis.ofToken(token), "unauthorized");
      }
    }
  });
});

Deno.test("attack: a token that brings its own key; nothing is fetched for it", async () => {
  const jwk = { ...mallory.publicKey.export({ format: "jwk" }), kid: "mallory" };
  await using server = JwksServer.start([jwk]);
  await withPem(async ({ apis }) => {
    const x5c = [base64url(mallory.publicKey.export({ type: "spki", format: "der" }))];
    for (const header of [{ jku: server.url }, { jwk }, { x5u: server.url }, { x5c }]) {
      for (const kid of [undefined, "mallory"]) {
        const token = rsaSigned({ ...header, kid }, mallory.privateKey);
        assert.equal(await apis.ofToken(token), "unauthorized");
      }
    }
  });
  assert.equal(server.requests, 0);
});

Deno.test("attack: kid as a path, a query or a command opens nothing", async () => {
  await withSecret(async ({ apis }) => {
    for (
      const kid of ["../../x", "/dev/null", "?a=b", "' OR 1=1 --", "|id", "\u0000", "__proto__"]
    ) {
      const empty = rawToken({ header: { alg: "HS256", kid }, claims: claims() }, hmacSigner(""));
      assert.equal(await apis.ofToken(empty), "unauthorized");
      assert.equal(await apis.ofToken(signed({}, { kid })), "ok", "it is only a name");
    }
    assert.equal(await apis.ofToken(signed({}, { kid: "x".repeat(257) })), "unauthorized");
  });
});

Deno.test("attack: crit, b64 and foreign types of tokens", async () => {
  await withSecret(async ({ apis }) => {
    const headers = [
      { crit: ["exp"], exp: 1 },
      { crit: ["b64"], b64: false },
      { b64: false },
      { b64: true },
      { typ: "id+jwt" },
      { typ: "dpop+jwt" },
    ];
    for (const header of headers) {
      assert.equal(await apis.ofToken(signed({}, header)), "unauthorized", JSON.stringify(header));
    }
  });
});

Deno.test("attack: out of time, or meant for others", async () => {
  await withSecret(async ({ apis }) => {
    const wrong = [
      { exp: nowSeconds() - 1 },
      { exp: undefined },
      { exp: `${nowSeconds() + 300}` },
      { nbf: nowSeconds() + 120 },
      { iat: nowSeconds() + 120 },
      { iss: "you" },
      { iss: undefined },
      { aud: "me" },
      { aud: [] },
    ];
    for (const changes of wrong) {
      assert.equal(await apis.ofToken(signed(changes)), "unauthorized", JSON.stringify(changes));
    }
    // What `exp` ends is in the future by the clocks of some: 1e400 is Infinity, once parsed.
    const endless = JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e400');
    const token = rawToken({ header: { alg: "HS256" }, claims: endless }, hmacSigner(SECRET));
    assert.equal(await apis.ofToken(token), "unauthorized");
  });
});

Deno.test("attack: a remembered token is refused the second it expires", async () => {
  const clock = new SkippingClock();
  await using app = await startTestApp({ AUTH_ENABLED: "true", AUTH_JWT_SECRET: SECRET }, {
    clock,
  });
  using apis = new ApiVerdicts(app);
  const token = signed();
  assert.equal(await apis.ofToken(token), "ok");
  assert.equal(await apis.ofToken(token), "ok");
  clock.skip(300_000);
  assert.equal(await apis.ofToken(token), "unauthorized");
});

Deno.test("attack: claims of another under a good signature", async () => {
  await withSecret(async ({ apis }) => {
    const [header, , signature] = signed().split(".");
    const [, richer] = signed({ namespace: "*", scopes: ["cache:admin"] }).split(".");
    assert.equal(await apis.ofToken(`${header}.${richer}.${signature}`), "unauthorized");
    const twice = JSON.stringify(claims()).replace("{", '{"namespace":"*",');
    const edited = base64url(new TextEncoder().encode(twice));
    assert.equal(await apis.ofToken(`${header}.${edited}.${signature}`), "unauthorized");
  });
});

Deno.test("attack: every truncation, and tokens of every size over the limit", async () => {
  await withSecret(async ({ apis }) => {
    const token = signed();
    for (let length = 1; length < token.length; length++) {
      assert.equal(await apis.ofToken(token.slice(0, length)), "unauthorized", `${length}`);
    }
    const padded = signed({ sub: "x".repeat(8200) });
    assert.ok(padded.length > 8192);
    assert.equal(await apis.ofToken(padded), "unauthorized");
    assert.equal(await apis.ofToken("x".repeat(20_000)), "unauthorized");
    assert.equal(await apis.ofToken(".".repeat(8192)), "unauthorized");
  });
});

Deno.test("attack: no header, other schemes, several values", async () => {
  await withSecret(async ({ app, apis }) => {
    const token = signed();
    for (const scheme of ["bearer", "BEARER", "Bearer  "]) {
      assert.equal(await apis.of(`${scheme} ${token}`), "ok");
    }
    const values = [
      undefined,
      "Bearer",
      "Basic Og==",
      token,
      `Token ${token}`,
      `Bearer ${token} x`,
      `Bearer ${token},`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer x.y.z, Bearer ${token}`,
    ];
    for (const value of values) assert.equal(await apis.of(value), "unauthorized", `${value}`);
    const lines = [
      `Authorization: Bearer ${token}`,
      `authorization: Bearer ${signed({ sub: "b" })}`,
    ];
    assert.match(await rawGet(app, lines.slice(1)), /^HTTP\/1.1 404 /);
    assert.match(await rawGet(app, lines), /^HTTP\/1.1 401 /);
  });
});

Deno.test("attack: a leaked signing key is replaced, and its remembered tokens end", async () => {
  await withPem(async ({ app, apis, file }) => {
    const old = rsaSigned({});
    const fresh = rsaSigned({}, mallory.privateKey);
    assert.equal(await apis.ofToken(old), "ok");
    assert.equal(await apis.ofToken(fresh), "unauthorized");
    await Deno.writeTextFile(file, `${mallory.publicKey.export({ type: "spki", format: "pem" })}`);
    await app.app.reload();
    assert.equal(await apis.ofToken(fresh), "ok");
    assert.equal(await apis.ofToken(old), "unauthorized");
  });
});

Deno.test("attack: a service whose key file holds a private key does not start", async () => {
  const file = await Deno.makeTempFile({ prefix: "cache-service-test-" });
  try {
    await Deno.writeTextFile(file, `${rsa.privateKey.export({ type: "pkcs8", format: "pem" })}`);
    await assert.rejects(
      () => startTestApp({ AUTH_ENABLED: "true", AUTH_JWT_PUBLIC_KEY_FILE: file }),
      /^ConfigFaults: AUTH_JWT_PUBLIC_KEY_FILE cannot be used: it holds a private key/,
    );
  } finally {
    await Deno.remove(file);
  }
});

/** The answer to a GET with exactly these header lines. */
async function rawGet(app: TestApp, headerLines: readonly string[]): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: app.app.httpPort });
  const lines = [
    "GET /api/v1/cache/n/k HTTP/1.1",
    "Host: cache",
    "Connection: close",
    ...headerLines,
  ];
  await connection.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  return await new Response(connection.readable).text();
}
