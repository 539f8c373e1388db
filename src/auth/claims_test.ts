import assert from "node:assert/strict";
import type { Principal } from "../core/principal.ts";
import { checkTime, type Expected, type Identity, MAX_NAMESPACES, readClaims } from "./claims.ts";
import { type RefusalReason, TokenRefusal } from "./token_refusal.ts";

const NOW_SECONDS = 1_700_000_000;

function identity(claims: Record<string, unknown>, expected: Expected = {}): Identity {
  return readClaims({ exp: NOW_SECONDS + 60, ...claims }, expected);
}

function principal(claims: Record<string, unknown>): Principal {
  return identity(claims).principal;
}

/** Why the claims are refused at `NOW_SECONDS`, or undefined. */
function refusal(
  claims: Record<string, unknown>,
  { expected = {}, atMs = NOW_SECONDS * 1000 }: { expected?: Expected; atMs?: number } = {},
): RefusalReason | undefined {
  try {
    checkTime(identity(claims, expected), atMs);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof TokenRefusal);
    return error.reason;
  }
}

Deno.test("exp ends a token at its very second, without leeway", () => {
  const claims = { exp: NOW_SECONDS };
  assert.equal(refusal(claims, { atMs: NOW_SECONDS * 1000 - 1 }), undefined);
  assert.equal(refusal(claims, { atMs: NOW_SECONDS * 1000 }), "expired");
  assert.equal(refusal({ exp: NOW_SECONDS + 0.5 }), undefined);
});

Deno.test("nbf and iat may be 30 s ahead, and not a millisecond more", () => {
  for (const name of ["nbf", "iat"]) {
    assert.equal(refusal({ [name]: NOW_SECONDS + 30 }), undefined);
    assert.equal(refusal({ [name]: NOW_SECONDS + 30.001 }), "not_yet_valid");
    assert.equal(refusal({ [name]: NOW_SECONDS - 1e9 }), undefined);
  }
  assert.equal(refusal({ nbf: NOW_SECONDS, iat: NOW_SECONDS + 31 }), "not_yet_valid");
  assert.equal(refusal({ nbf: NOW_SECONDS + 31, iat: NOW_SECONDS }), "not_yet_valid");
});

Deno.test("times are finite numbers, and exp must be there", () => {
  assert.equal(refusal({ exp: undefined }), "claims");
  for (const name of ["exp", "nbf", "iat"]) {
    for (const value of [null, "1700000100", [], {}, true, JSON.parse("1e400")]) {
      assert.equal(refusal({ [name]: value }), "claims", `${name} ${value}`);
    }
  }
});

Deno.test("issuer and audience are checked where they are set, character by character", () => {
  const expected = { issuer: "https://id.example", audience: "cache" };
  const good = { iss: "https://id.example", aud: "cache" };
  assert.equal(refusal(good, { expected }), undefined);
  assert.equal(refusal({ ...good, aud: ["other", "cache"] }, { expected }), undefined);
  for (const iss of [undefined, null, "https://id.example/", "HTTPS://id.example", [good.iss]]) {
    assert.equal(refusal({ ...good, iss }, { expected }), "issuer");
  }
  for (
    const aud of [undefined, null, "Cache", "cache ", [], ["other"], [["cache"]], { cache: 1 }]
  ) {
    assert.equal(refusal({ ...good, aud }, { expected }), "audience");
  }
  assert.equal(refusal({ iss: 1, aud: {} }), undefined);
});

Deno.test("namespace is a name, a list or *; without it there are none", () => {
  const names = (namespace: unknown): string[] => [...principal({ namespace }).namespaces];
  assert.deepEqual(names(undefined), []);
  assert.deepEqual(names([]), []);
  assert.deepEqual(names("a"), ["a"]);
  assert.deepEqual(names("*"), ["*"]);
  assert.deepEqual(names(["a", "A", "a"]), ["a", "A"]);
  for (const namespace of [null, 1, {}, "", "a b", "a,b", "\uff41", "a*", ["a", 1], ["a", ""]]) {
    assert.equal(refusal({ namespace }), "claims", JSON.stringify(namespace));
  }
});

Deno.test("a token names a bounded number of namespaces", () => {
  const many = Array.from({ length: MAX_NAMESPACES }, (_, index) => `n${index}`);
  assert.equal(principal({ namespace: many }).namespaces.size, MAX_NAMESPACES);
  assert.equal(refusal({ namespace: [...many, "one_more"] }), "claims");
});

Deno.test("of the scopes the known ones are kept; without any claim a token reads and writes", () => {
  const scopes = (claims: Record<string, unknown>): string[] => [...principal(claims).scopes];
  assert.deepEqual(scopes({}), ["cache:read", "cache:write"]);
  assert.deepEqual(scopes({ scopes: ["cache:read", "other"] }), ["cache:read"]);
  assert.deepEqual(scopes({ scope: "openid  cache:write" }), ["cache:write"]);
  assert.deepEqual(scopes({ scopes: [] }), []);
  assert.deepEqual(scopes({ scope: "" }), []);
  assert.deepEqual(scopes({ scope: "cache:READ cache:read\u0000" }), []);
  assert.deepEqual(scopes({ scopes: ["cache:admin"], scope: "cache:read" }), ["cache:admin"]);
  for (const claim of [null, 1, {}, ["cache:read", 1]]) {
    assert.equal(refusal({ scopes: claim }), "claims");
    assert.equal(refusal({ scope: claim }), "claims");
  }
});

Deno.test("the subject is a text of bounded length, well-formed", () => {
  assert.equal(principal({}).subject, "unknown");
  assert.equal(principal({ sub: "ann\nb" }).subject, "ann\nb");
  assert.equal(principal({ sub: "x".repeat(300) }).subject, "x".repeat(256));
  assert.equal(principal({ sub: `${"x".repeat(255)}😀` }).subject, `${"x".repeat(255)}\ufffd`);
  for (const sub of [null, 1, [], {}]) assert.equal(refusal({ sub }), "claims");
});

Deno.test("members named like those of every object are no claims", () => {
  const claims = JSON.parse(
    `{"exp":${NOW_SECONDS + 9},"__proto__":{"namespace":"*","aud":"cache"}}`,
  );
  assert.deepEqual(principal(claims).namespaces, new Set());
  assert.equal(refusal(claims, { expected: { audience: "cache" } }), "audience");
});
