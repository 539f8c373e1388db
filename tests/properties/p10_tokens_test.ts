// Property 10, requirements 5.1 and 5.2: valid tokens pass; all others are refused with 401, with
// the same verdict over both APIs.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { JwtVerifier } from "../../src/auth/jwt_verifier.ts";
import { SecretKeys } from "../../src/auth/secret_keys.ts";
import { TokenRefusal } from "../../src/auth/token_refusal.ts";
import { Secret } from "../../src/core/secret.ts";
import { startTestApp } from "../harness/apps.ts";
import { ApiVerdicts } from "../support/api_verdicts.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { hmacSigner, keySigner, noSigner, rawToken, type Signer } from "../support/raw_token.ts";
import { propertyOptions } from "../support/seeded_random.ts";

const SECRET = "the secret of property 10, of more than 32 bytes";
const ISSUER = "https://id.example";
const AUDIENCE = "cache-service";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

interface Draft {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signer: Signer;
}

const HASHES: Readonly<Record<string, string>> = {
  HS256: "sha256",
  HS384: "sha384",
  HS512: "sha512",
};

const headers = fc.record({
  alg: fc.constantFrom("HS256", "HS384", "HS512"),
  typ: fc.constantFrom("JWT", "jwt", "at+jwt", "application/at+jwt"),
  kid: fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
  x5t: fc.base64String(),
}, { requiredKeys: ["alg"] });

/** Seconds relative to now. */
const claims = fc.record({
  iss: fc.constant(ISSUER),
  aud: fc.oneof(
    fc.constant(AUDIENCE),
    fc.array(fc.string(), { maxLength: 3 }).map((others) => [...others, AUDIENCE]),
  ),
  exp: fc.integer({ min: 60, max: 1e9 }),
  nbf: fc.integer({ min: -1e9, max: 20 }),
  iat: fc.double({ min: -1e9, max: 20, noNaN: true }),
  namespace: fc.constantFrom<unknown>("n", "*", ["n"], ["m", "n", "o"]),
  scope: fc.constantFrom("cache:read", "openid cache:read cache:write"),
  sub: fc.string({ unit: "binary", maxLength: 300 }),
  jti: fc.jsonValue(),
}, { requiredKeys: ["iss", "aud", "exp", "namespace"] });

/** A token that must pass, made at the time it is needed. */
const drafts: fc.Arbitrary<() => Draft> = fc.tuple(headers, claims).map(
  ([header, relative]) => () => {
    const claims: Record<string, unknown> = { ...relative };
    for (const name of ["exp", "nbf", "iat"] as const) {
      const seconds = relative[name];
      if (seconds !== undefined) claims[name] = nowSeconds() + seconds;
    }
    return { header: { ...header }, claims, signer: hmacSigner(SECRET, HASHES[header.alg]) };
  },
);

function textOf({ header, claims, signer }: Draft): string {
  return rawToken({ header, claims }, signer);
}

/** Makes one thing wrong with a token. */
type Spoil = (draft: Draft) => string;

function withClaims(change: () => Record<string, unknown>): Spoil {
  return (draft) => textOf({ ...draft, claims: { ...draft.claims, ...change() } });
}

const spoils: Readonly<Record<string, fc.Arbitrary<Spoil>>> = {
  expired: fc.integer({ min: 1, max: 1e9 })
    .map((ago) => withClaims(() => ({ exp: nowSeconds() - ago }))),
  "without exp": fc.constantFrom(undefined, null, "9999999999", [9999999999])
    .map((exp) => withClaims(() => ({ exp }))),
  "not yet valid": fc.tuple(fc.constantFrom("nbf", "iat"), fc.integer({ min: 60, max: 1e9 }))
    .map(([name, ahead]) => withClaims(() => ({ [name]: nowSeconds() + ahead }))),
  "wrong issuer": fc.oneof(fc.string(), fc.constantFrom<unknown>(undefined, [ISSUER], `${ISSUER}/`))
    .filter((iss) => iss !== ISSUER)
    .map((iss) => withClaims(() => ({ iss }))),
  "wrong audience": fc.oneof(
    fc.string(),
    fc.array(fc.string()),
    fc.constantFrom<unknown>(undefined, null, { [AUDIENCE]: 1 }, [[AUDIENCE]]),
  ).filter((aud) => aud !== AUDIENCE && !(Array.isArray(aud) && aud.includes(AUDIENCE)))
    .map((aud) => withClaims(() => ({ aud }))),
  "wrong key": fc.string({ minLength: 1 }).filter((key) => key !== SECRET).map((key) => (draft) => {
    const alg = `${draft.header.alg}`;
    return textOf({ ...draft, signer: hmacSigner(key, HASHES[alg]) });
  }),
  "wrong algorithm": fc.constantFrom<[string, Signer]>(
    ["none", noSigner],
    ["None", noSigner],
    ["nonE", hmacSigner(SECRET)],
    ["hs256", hmacSigner(SECRET)],
    ["HS256K", hmacSigner(SECRET)],
    ["RS256", keySigner(rsa.privateKey)],
    ["RS256", hmacSigner(SECRET)],
    ["EdDSA", hmacSigner(SECRET)],
  ).map(([alg, signer]) => (draft) =>
    textOf({ ...draft, header: { ...draft.header, alg }, signer })
  ),
  edited: fc.tuple(
    // The ends of the parts, where decoders are lenient, as often as anywhere else.
    fc.oneof(fc.constantFrom(-1, -2, 0), fc.nat({ max: 9999 })),
    fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.="),
    fc.constantFrom("put in the place of", "put before", "left out"),
  ).map(([at, character, how]) => (draft) => {
    const text = textOf(draft);
    const index = at < 0 ? text.length + at : at % text.length;
    const rest = text.slice(how === "put before" ? index : index + 1);
    const edited = text.slice(0, index) + (how === "left out" ? "" : character) + rest;
    return edited === text ? `${text}A` : edited;
  }),
  "with other parts": fc.record({ claims }, {}).map(({ claims: others }) => (draft) => {
    const [header, , signature] = textOf(draft).split(".");
    const [, payload] = textOf({ ...draft, claims: { ...others, exp: 1e10, sub: "other" } }).split(
      ".",
    );
    return [header, payload, signature].join(".");
  }),
  truncated: fc.nat({ max: 9999 }).map((length) => (draft) => {
    const text = textOf(draft);
    // HTTP/2 drops a header that ends with the space after the scheme.
    return text.slice(0, 1 + length % (text.length - 1));
  }),
};

const anySpoil = fc.oneof(
  ...Object.entries(spoils).map(([name, spoil]) =>
    spoil.map((make) => ({ name, make, toString: () => name }))
  ),
);

Deno.test("property 10: valid tokens pass, all others get 401: REST and gRPC", async () => {
  await using app = await startTestApp({
    AUTH_ENABLED: "true",
    AUTH_JWT_SECRET: SECRET,
    AUTH_JWT_ISSUER: ISSUER,
    AUTH_JWT_AUDIENCE: AUDIENCE,
  });
  using apis = new ApiVerdicts(app);
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(drafts, anySpoil, async (draft, spoil) => {
      const good = textOf(draft());
      assert.equal(await apis.ofToken(good), "ok");
      assert.equal(await apis.ofToken(good), "ok", "the token is remembered");
      assert.equal(await apis.ofToken(spoil.make(draft())), "unauthorized", spoil.name);
      seen.add(spoil.name);
    }),
    propertyOptions({ numRuns: 300 }),
  );
  assert.deepEqual(seen, new Set(Object.keys(spoils)));
});

Deno.test("property 10: times decide to the millisecond, also of remembered tokens: in process", async () => {
  // Quarters of a second, which JSON numbers hold exactly, and often enough the very boundary.
  const margin = fc.integer({ min: -160, max: 160 }).map((quarters) => quarters * 250);
  const jump = fc.integer({ min: -80, max: 80 }).map((quarters) => quarters * 250);
  await fc.assert(
    fc.asyncProperty(
      fc.record({ exp: margin, nbf: margin, iat: margin }, { requiredKeys: ["exp"] }),
      fc.array(fc.oneof(jump, fc.constantFrom(1, -1)), { maxLength: 8 }),
      async (marginsMs, jumpsMs) => {
        const clock = new FakeClock();
        const startMs = clock.wallMs();
        const verifier = new JwtVerifier({ keys: new SecretKeys(new Secret(SECRET)), clock });
        const claims = Object.fromEntries(
          Object.entries(marginsMs).map(([name, ms]) => [name, (startMs + ms) / 1000]),
        );
        const authorization = `Bearer ${
          rawToken({ header: { alg: "HS256" }, claims }, hmacSigner(SECRET))
        }`;
        for (const jumpMs of [0, ...jumpsMs]) {
          clock.jumpWall(jumpMs);
          const sinceStartMs = clock.wallMs() - startMs;
          const begins = Math.max(marginsMs.nbf ?? -Infinity, marginsMs.iat ?? -Infinity) - 30_000;
          const counts = sinceStartMs >= begins && sinceStartMs < marginsMs.exp;
          const verdict = await Promise.resolve().then(() => verifier.verify(authorization)).then(
            () => true,
            (error) => {
              assert.ok(error instanceof TokenRefusal);
              return false;
            },
          );
          assert.equal(verdict, counts);
        }
      },
    ),
    propertyOptions({ numRuns: 300 }),
  );
});
