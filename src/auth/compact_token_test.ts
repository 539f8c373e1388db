import assert from "node:assert/strict";
import { base64url, noSigner, rawToken } from "../../tests/support/raw_token.ts";
import { bearerToken, MAX_KEY_ID_LENGTH, MAX_TOKEN_BYTES, parseToken } from "./compact_token.ts";
import { type RefusalReason, TokenRefusal } from "./token_refusal.ts";

const algorithms = ["HS256"];

function refused(reason: RefusalReason): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TokenRefusal);
    assert.equal(error.code, "unauthorized");
    assert.equal(error.reason, reason);
    return true;
  };
}

function tokenOf(header: unknown): string {
  return rawToken({ header, claims: {} }, () => Uint8Array.of(1));
}

Deno.test("the scheme is Bearer in any case, with one or more spaces", () => {
  for (const scheme of ["Bearer ", "bearer ", "BEARER ", "bEaReR   "]) {
    assert.equal(bearerToken(`${scheme}a.b.c`), "a.b.c");
  }
});

Deno.test("anything but a bearer token is refused", () => {
  assert.throws(() => bearerToken(undefined), refused("missing"));
  for (const value of ["", "Bearer", "Bearera.b.c", "Basic Og==", "a.b.c", "Bearer\ta.b.c"]) {
    assert.throws(() => bearerToken(value), refused("malformed"), value);
  }
});

Deno.test("a token over the limit is refused unread, and its length is told", () => {
  const longest = "x".repeat(MAX_TOKEN_BYTES);
  assert.equal(bearerToken(`Bearer ${longest}`), longest);
  assert.throws(() => bearerToken(`Bearer ${longest}x`), /at most 8192 bytes; this one has 8193/);
  assert.throws(() => bearerToken(`Bearer ${longest}x`), refused("too_large"));
});

Deno.test("a token has three parts of base64url, each written in the one right way", () => {
  const good = tokenOf({ alg: "HS256" });
  assert.deepEqual(parseToken(good, { algorithms }).header, { alg: "HS256", kid: undefined });
  const [header = "", claims = "", signature = ""] = good.split(".");
  const bad = [
    "",
    "..",
    `${header}.${claims}`,
    `${header}.${claims}.`,
    `${header}..${signature}`,
    `.${claims}.${signature}`,
    `${good}.${signature}`,
    `${good}.${signature}.${signature}`,
    `${good}=`,
    `${good} `,
    `${good}\n`,
    `${good}, ${good}`,
    `${header}.${claims}.A`,
    `${header}.${claims}.A+`,
    `${header}.${claims}.A/`,
    // One byte, 0x01, written as "AQ": of the last character two bits count for nothing.
    `${header}.${claims}.AR`,
    rawToken({ header: "[]", claims: {} }, () => Uint8Array.of(1)),
    rawToken({ header: "null", claims: {} }, () => Uint8Array.of(1)),
    rawToken({ header: "{", claims: {} }, () => Uint8Array.of(1)),
    rawToken({ header: '\ufeff{"alg":"HS256"}', claims: {} }, () => Uint8Array.of(1)),
    `${base64url(Uint8Array.of(0x7b, 0xff))}.${claims}.${signature}`,
    rawToken({ header: { alg: "HS256" }, claims: {} }, noSigner),
  ];
  assert.equal(signature, "AQ");
  for (const text of bad) {
    assert.throws(() => parseToken(text, { algorithms }), refused("malformed"), text);
  }
});

Deno.test("only the listed algorithms pass, letter by letter", () => {
  const others = [
    "none",
    "None",
    "NONE",
    "nOnE",
    "",
    "hs256",
    "HS256 ",
    "HS384",
    "RS256",
    "toString",
  ];
  for (const alg of [...others, null, 1, ["HS256"], undefined]) {
    assert.throws(() => parseToken(tokenOf({ alg }), { algorithms }), refused("algorithm"));
  }
});

Deno.test("a header that brings a key, or extensions, is refused", () => {
  for (const name of ["jku", "jwk", "x5u", "x5c", "crit", "b64"]) {
    for (const value of ["x", null, true, [], ["exp"], {}]) {
      const token = tokenOf({ alg: "HS256", [name]: value });
      assert.throws(() => parseToken(token, { algorithms }), refused("header"), name);
    }
  }
});

Deno.test("typ is absent, JWT or at+jwt, in any case, also as a media type", () => {
  for (const typ of [undefined, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"]) {
    assert.equal(parseToken(tokenOf({ alg: "HS256", typ }), { algorithms }).header.alg, "HS256");
  }
  for (const typ of ["", "JWS", "id+jwt", "dpop+jwt", "text/jwt", "application/", null, ["JWT"]]) {
    const token = tokenOf({ alg: "HS256", typ });
    assert.throws(() => parseToken(token, { algorithms }), refused("header"), `${typ}`);
  }
});

Deno.test("kid is any text of bounded length", () => {
  for (const kid of ["k", "../../x", "?a=b", "\u0000", "x".repeat(MAX_KEY_ID_LENGTH)]) {
    assert.equal(parseToken(tokenOf({ alg: "HS256", kid }), { algorithms }).header.kid, kid);
  }
  for (const kid of ["", null, 1, {}, "x".repeat(MAX_KEY_ID_LENGTH + 1)]) {
    const token = tokenOf({ alg: "HS256", kid });
    assert.throws(() => parseToken(token, { algorithms }), refused("header"), `${kid}`);
  }
});
