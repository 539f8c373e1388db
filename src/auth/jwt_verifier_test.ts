import assert from "node:assert/strict";
import type { CryptoKey } from "jose";
import type { Principal } from "../core/principal.ts";
import { Secret } from "../core/secret.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { hmacSigner, noSigner, rawToken } from "../../tests/support/raw_token.ts";
import { JwtVerifier, type JwtVerifierOptions } from "./jwt_verifier.ts";
import { SecretKeys } from "./secret_keys.ts";
import type { SigningKeys } from "./signing_keys.ts";
import { KeysUnavailable, type RefusalReason, TokenRefusal } from "./token_refusal.ts";

const SECRET = "a secret of a test, 32 bytes or more";
const HEADER = { alg: "HS256" };

interface Rig {
  readonly verifier: JwtVerifier;
  readonly clock: FakeClock;
  readonly failures: RefusalReason[];
  /** Seconds since the Unix epoch. */
  now(): number;
  /** An Authorization value with a token that is good for a minute, where `claims` do not differ. */
  authorization(claims?: object): string;
}

function rig(options: Partial<JwtVerifierOptions> = {}): Rig {
  const clock = new FakeClock();
  const failures: RefusalReason[] = [];
  const verifier = new JwtVerifier({
    keys: new SecretKeys(new Secret(SECRET)),
    clock,
    onFailure: (reason) => void failures.push(reason),
    ...options,
  });
  const now = (): number => clock.wallMs() / 1000;
  const authorization = (claims: object = {}): string => {
    const full = { exp: now() + 60, namespace: "n", ...claims };
    return `Bearer ${rawToken({ header: HEADER, claims: full }, hmacSigner(SECRET))}`;
  };
  return { verifier, clock, failures, now, authorization };
}

/** The principal where it is known without waiting. */
function atOnce(verdict: Principal | Promise<Principal>): Principal | undefined {
  if (!(verdict instanceof Promise)) return verdict;
  verdict.catch(() => {});
  return undefined;
}

async function reasonOf(work: () => Principal | Promise<Principal>): Promise<RefusalReason> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof TokenRefusal || error instanceof KeysUnavailable);
    return error.reason;
  }
  assert.fail("was let in");
}

Deno.test("a good token gives its principal, the second time at once", async () => {
  const { verifier, authorization, failures } = rig();
  const good = authorization({ sub: "ann", namespace: ["a", "b"], scope: "cache:read" });
  assert.equal(atOnce(verifier.verify(good)), undefined);
  const principal = await verifier.verify(good);
  assert.deepEqual(principal, {
    subject: "ann",
    namespaces: new Set(["a", "b"]),
    scopes: new Set(["cache:read"]),
  });
  assert.equal(atOnce(verifier.verify(good)), principal);
  assert.deepEqual(failures, []);
});

Deno.test("HS256, HS384 and HS512 are right for a secret", async () => {
  for (const bits of ["256", "384", "512"]) {
    const { verifier, now } = rig();
    const claims = { exp: now() + 60 };
    const signed = rawToken(
      { header: { alg: `HS${bits}` }, claims },
      hmacSigner(SECRET, `sha${bits}`),
    );
    assert.equal((await verifier.verify(`Bearer ${signed}`)).subject, "unknown");
  }
});

Deno.test("a remembered token ends at the very second of its exp", async () => {
  const { verifier, clock, authorization } = rig();
  const good = authorization();
  await verifier.verify(good);
  await clock.advance(59_999);
  assert.notEqual(atOnce(verifier.verify(good)), undefined);
  await clock.advance(1);
  assert.equal(await reasonOf(() => verifier.verify(good)), "expired");
});

Deno.test("a remembered token is not valid before its time, should the clock go back", async () => {
  const { verifier, clock, authorization, now } = rig();
  const good = authorization({ nbf: now() });
  await verifier.verify(good);
  clock.jumpWall(-30_000);
  assert.notEqual(atOnce(verifier.verify(good)), undefined);
  clock.jumpWall(-1);
  assert.equal(await reasonOf(() => verifier.verify(good)), "not_yet_valid");
});

Deno.test("every failure is told once, by its reason, and no message quotes the token", async () => {
  const { verifier, failures, now, authorization } = rig({ issuer: "me", audience: "you" });
  const good = { iss: "me", aud: "you", sub: "marker-subject" };
  const token = (header: object, claims: unknown, secret = SECRET): string =>
    `Bearer ${rawToken({ header: { ...HEADER, ...header }, claims }, hmacSigner(secret))}`;
  const valid = { exp: now() + 60, ...good };
  const cases: [string | undefined, RefusalReason][] = [
    [undefined, "missing"],
    ["Basic marker-subject", "malformed"],
    ["Bearer marker-subject", "malformed"],
    [token({}, "[]"), "malformed"],
    [token({}, "\ufeff{}"), "malformed"],
    [`Bearer ${"x".repeat(9000)}`, "too_large"],
    [token({ jku: "https://marker-subject" }, valid), "header"],
    [token({ alg: "none" }, valid), "algorithm"],
    [token({}, valid, `${SECRET}x`), "signature"],
    [`${token({}, valid)}=`, "malformed"],
    [`${token({}, valid)}A`, "signature"],
    [token({}, { ...valid, namespace: "marker-subject/" }), "claims"],
    [authorization({ ...good, exp: now() - 1 }), "expired"],
    [authorization({ ...good, nbf: now() + 31 }), "not_yet_valid"],
    [authorization({ ...good, iss: "marker-subject" }), "issuer"],
    [authorization({ ...good, aud: ["marker-subject"] }), "audience"],
  ];
  for (const [value, expected] of cases) {
    const verdict = verifier.verify(value);
    await assert.rejects(() => Promise.resolve(verdict), (error) => {
      assert.ok(error instanceof TokenRefusal);
      assert.deepEqual([error.code, error.reason], ["unauthorized", expected]);
      assert.doesNotMatch(error.message, /marker|x{9}/);
      assert.ok(error.message.length < 100);
      return true;
    });
  }
  assert.deepEqual(failures, cases.map(([, reason]) => reason));
});

/** Keys that a test changes; finds the secret unless told to refuse. */
class ChangingKeys implements SigningKeys {
  readonly algorithms = ["HS256"];
  epoch = 0;
  refuses = false;
  /** Runs when the key is found, before whoever asked for it goes on. */
  onFound = (): void => {};
  readonly #secret = new SecretKeys(new Secret(SECRET));

  async find(): Promise<CryptoKey> {
    if (this.refuses) throw new TokenRefusal("unknown_key", "The key is gone.");
    const key = await this.#secret.find({ alg: "HS256", kid: undefined });
    this.onFound();
    return key;
  }

  look(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

Deno.test("a change of the keys forgets every remembered token", async () => {
  const keys = new ChangingKeys();
  const { verifier, authorization } = rig({ keys });
  const tokens = [authorization({ sub: "a" }), authorization({ sub: "b" })];
  for (const each of tokens) await verifier.verify(each);
  for (const each of tokens) assert.notEqual(atOnce(verifier.verify(each)), undefined);
  keys.epoch++;
  keys.refuses = true;
  for (const each of tokens) {
    assert.equal(await reasonOf(() => verifier.verify(each)), "unknown_key");
  }
});

Deno.test("a token whose key goes while it is being verified is not remembered", async () => {
  const keys = new ChangingKeys();
  const { verifier, authorization } = rig({ keys });
  const good = authorization();
  keys.onFound = () => {
    keys.epoch++;
    keys.refuses = true;
    keys.onFound = () => {};
    // Another call notices the change before the first one ends.
    atOnce(verifier.verify("Bearer other"));
  };
  await verifier.verify(good);
  assert.equal(await reasonOf(() => verifier.verify(good)), "unknown_key");
});

Deno.test("keys that were never loaded are no verdict on the token", async () => {
  const keys = new ChangingKeys();
  keys.find = () => Promise.reject(new KeysUnavailable(7));
  const { verifier, authorization, failures } = rig({ keys });
  await assert.rejects(() => Promise.resolve(verifier.verify(authorization())), (error) => {
    assert.ok(error instanceof KeysUnavailable);
    assert.deepEqual([error.code, error.retryAfterSeconds], ["identity_unavailable", 7]);
    return true;
  });
  // A token that no key could make good is refused all the same.
  const unsigned = rawToken({ header: { alg: "none" }, claims: {} }, noSigner);
  assert.equal(await reasonOf(() => verifier.verify(`Bearer ${unsigned}`)), "malformed");
  assert.deepEqual(failures, ["keys_unavailable", "malformed"]);
});

Deno.test("only so many tokens are remembered", async () => {
  const { verifier, authorization } = rig({ maxTokens: 2 });
  const tokens = ["a", "b", "c"].map((sub) => authorization({ sub }));
  for (const each of tokens) await verifier.verify(each);
  const verdicts = tokens.map((each) => verifier.verify(each));
  const remembered = verdicts.map((verdict) => atOnce(verdict) !== undefined);
  await Promise.all(verdicts);
  assert.deepEqual(remembered, [false, true, true]);
});
