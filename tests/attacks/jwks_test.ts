// Requirements 5.1 and 5.2: what becomes of callers when the server of the keys fails, and what
// strangers can do to it through this service.
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { startTestApp, type TestApp } from "../harness/apps.ts";
import { SkippingClock } from "../harness/skipping_clock.ts";
import { ApiVerdicts } from "../support/api_verdicts.ts";
import { JwksServer } from "../support/jwks_server.ts";
import { hmacSigner, keySigner, rawToken } from "../support/raw_token.ts";

const GAP_MS = 30_000;

class TestKey {
  readonly #pair = generateKeyPairSync("ed25519");

  constructor(readonly kid: string) {}

  get jwk(): object {
    return { ...this.#pair.publicKey.export({ format: "jwk" }), kid: this.kid };
  }

  get privateKey(): KeyObject {
    return this.#pair.privateKey;
  }

  /** A token of an hour that names the key, or names `kid` in its place. */
  token(header: object = {}): string {
    const full = { alg: "EdDSA", typ: "JWT", kid: this.kid, ...header };
    const claims = { namespace: "n", exp: Math.floor(Date.now() / 1000) + 3600 };
    return rawToken({ header: full, claims }, keySigner(this.privateKey));
  }
}

const a = new TestKey("a");
const b = new TestKey("b");

interface Target {
  readonly app: TestApp;
  readonly apis: ApiVerdicts;
  readonly clock: SkippingClock;
}

async function attacking(server: JwksServer, attack: (t: Target) => Promise<void>): Promise<void> {
  const clock = new SkippingClock();
  await using app = await startTestApp(
    { AUTH_ENABLED: "true", AUTH_JWKS_URL: server.url },
    { clock },
  );
  using apis = new ApiVerdicts(app);
  await attack({ app, apis, clock });
}

/** The verdicts of REST on `count` tokens that name keys nobody knows, all sent at once. */
async function flood({ apis }: Target, count: number): Promise<Set<string>> {
  const kids = Array.from({ length: count }, () => crypto.randomUUID());
  const verdicts = new Set<string>();
  // 200 at a time, so that this process has connections to spare for what it measures.
  while (kids.length > 0) {
    const some = kids.splice(0, 200).map((kid) => apis.rest(`Bearer ${a.token({ kid })}`));
    for (const verdict of await Promise.all(some)) verdicts.add(verdict.split(":")[0] ?? "");
  }
  return verdicts;
}

Deno.test("jwks: a service starts without the server of its keys, and says 503, not 401", async () => {
  await using server = JwksServer.start([a.jwk]);
  await server.goDown();
  await attacking(server, async ({ apis, clock }) => {
    assert.equal(await apis.ofToken(a.token()), "identity_unavailable");
    assert.equal(await apis.of("Bearer x.y.z"), "unauthorized");
    server.goUp();
    assert.equal(await apis.ofToken(a.token()), "identity_unavailable");
    clock.skip(GAP_MS);
    assert.equal(await apis.ofToken(a.token()), "ok");
  });
});

Deno.test("jwks: ten thousand unknown keys cost one attempt, the server up or down", async () => {
  await using server = JwksServer.start([a.jwk]);
  await attacking(server, async (target) => {
    const { apis, clock } = target;
    assert.equal(await apis.ofToken(a.token()), "ok");
    assert.equal(server.requests, 1);
    clock.skip(GAP_MS);
    assert.deepEqual(await flood(target, 10_000), new Set(["unauthorized"]));
    assert.equal(server.requests, 2);
    assert.equal(await apis.ofToken(a.token()), "ok");

    await server.goDown();
    clock.skip(GAP_MS);
    assert.deepEqual(await flood(target, 10_000), new Set(["unauthorized"]));
    assert.equal(await apis.ofToken(a.token()), "ok", "the last good set serves");
    server.goUp();
    assert.deepEqual(await flood(target, 100), new Set(["unauthorized"]));
    assert.equal(server.requests, 2, "the attempt on the closed port was the one of its 30 s");
  });
});

Deno.test("jwks: ten thousand unknown keys while none were ever loaded", async () => {
  await using server = JwksServer.start();
  await server.goDown();
  await attacking(server, async (target) => {
    assert.deepEqual(await flood(target, 10_000), new Set(["identity_unavailable"]));
    server.goUp();
    assert.deepEqual(await flood(target, 100), new Set(["identity_unavailable"]));
    assert.equal(server.requests, 0);
  });
});

Deno.test("jwks: a server that never answers holds up strangers only, and not for long", async () => {
  await using server = JwksServer.start([a.jwk]);
  await attacking(server, async ({ apis, clock }) => {
    assert.equal(await apis.ofToken(a.token()), "ok");
    server.hang();
    clock.skip(GAP_MS);
    const startMs = performance.now();
    const strangers = Promise.all([1, 2, 3].map(() => apis.ofToken(b.token())));
    assert.equal(await apis.ofToken(a.token({ typ: "at+jwt" })), "ok");
    assert.ok(performance.now() - startMs < 4000, "a known key waited for the set");
    assert.deepEqual(new Set(await strangers), new Set(["unauthorized"]));
    assert.ok(performance.now() - startMs < 9000);
    assert.equal(server.requests, 2);
  });
});

Deno.test("jwks: garbage, errors, redirects and floods of bytes leave the last set in use", async () => {
  await using server = JwksServer.start([a.jwk]);
  await using elsewhere = JwksServer.start([b.jwk]);
  await attacking(server, async ({ apis, clock }) => {
    assert.equal(await apis.ofToken(a.token()), "ok");
    const set = JSON.stringify({ keys: [b.jwk] });
    const answers: (() => Response)[] = [
      () => new Response("<html>maintenance</html>"),
      () => new Response(set, { status: 500 }),
      () => new Response(set, { status: 203 }),
      () => Response.redirect(elsewhere.url),
      () => new Response(Uint8Array.of(0xff, 0xfe)),
      () => new Response(set.padEnd(2 * 1024 * 1024)),
      () => Response.json({ keys: Array.from({ length: 101 }, () => b.jwk) }),
      () => Response.json([b.jwk]),
      () => new Response(""),
    ];
    for (const answer of answers) {
      server.answerWith(answer);
      clock.skip(GAP_MS);
      const { requests } = server;
      assert.equal(await apis.ofToken(b.token()), "unauthorized", `${answer}`);
      assert.equal(server.requests, requests + 1);
      assert.equal(await apis.ofToken(a.token()), "ok");
    }
  });
  assert.equal(elsewhere.requests, 0);
});

Deno.test("jwks: a rotated key is found at once; a removed one dies with its remembered tokens", async () => {
  await using server = JwksServer.start([a.jwk]);
  await attacking(server, async ({ apis, clock }) => {
    const old = a.token();
    assert.equal(await apis.ofToken(old), "ok");
    server.publish([a.jwk, b.jwk]);
    clock.skip(GAP_MS);
    assert.equal(await apis.ofToken(b.token()), "ok");
    assert.equal(await apis.ofToken(old), "ok");
    assert.equal(await apis.ofToken(old), "ok");
    server.publish([b.jwk]);
    clock.skip(GAP_MS);
    assert.equal(await apis.ofToken(new TestKey("c").token()), "unauthorized");
    assert.equal(await apis.ofToken(old), "unauthorized");
    assert.equal(await apis.ofToken(b.token()), "ok");
  });
});

Deno.test("jwks: secrets and private keys that were published by mistake sign nothing", async () => {
  const secret = "a secret that everyone can read!";
  const oct = { kty: "oct", kid: "s", alg: "HS256", k: btoa(secret).replaceAll("=", "") };
  const leaked = { ...b.privateKey.export({ format: "jwk" }), kid: "b" };
  const forEncryption = { ...b.jwk, kid: "e", use: "enc" };
  await using server = JwksServer.start([a.jwk, oct, leaked, forEncryption]);
  await attacking(server, async ({ apis }) => {
    assert.equal(await apis.ofToken(a.token()), "ok");
    const claims = { namespace: "n", exp: Math.floor(Date.now() / 1000) + 60 };
    const shared = rawToken({ header: { alg: "HS256", kid: "s" }, claims }, hmacSigner(secret));
    for (const token of [shared, b.token(), b.token({ kid: "e" }), b.token({ kid: undefined })]) {
      assert.equal(await apis.ofToken(token), "unauthorized");
    }
  });
});
