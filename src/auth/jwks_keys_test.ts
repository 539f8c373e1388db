import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { JwksKeys } from "./jwks_keys.ts";
import { KeysUnavailable, TokenRefusal } from "./token_refusal.ts";

const MINUTE_MS = 60_000;

function newKey(kid: string): object {
  const { publicKey } = generateKeyPairSync("ed25519");
  return { ...publicKey.export({ format: "jwk" }), kid };
}
const A = newKey("a");
const B = newKey("b");

class Rig {
  readonly clock = new FakeClock();
  readonly warnings: string[] = [];
  loads = 0;
  /** What the next load gives: text, or an error; a promise leaves it under way. */
  answer: () => string | Error | Promise<string>;
  readonly keys: JwksKeys;

  constructor(answer: () => string | Error | Promise<string>) {
    this.answer = answer;
    const ignore = (): void => {};
    const warn = (message: string): void => void this.warnings.push(message);
    this.keys = new JwksKeys({
      load: async () => {
        this.loads++;
        const given = await this.answer();
        if (given instanceof Error) throw given;
        return given;
      },
      clock: this.clock,
      random: new SeededRandom(1),
      logger: { debug: ignore, info: ignore, warn, error: ignore },
    });
  }

  publish(...keys: unknown[]): void {
    this.answer = () => JSON.stringify({ keys });
  }

  /** "found", or why not. */
  async look(kid: string): Promise<string> {
    try {
      await this.keys.find({ alg: "EdDSA", kid });
      return "found";
    } catch (error) {
      assert.ok(error instanceof TokenRefusal || error instanceof KeysUnavailable);
      return error.reason;
    }
  }

  /** Moves time, and waits for the attempt that this starts, or starts one. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.keys.look();
  }
}

const setOf = (...keys: unknown[]): () => string => () => JSON.stringify({ keys });

Deno.test("the first attempt starts at once, and callers wait for it together", async () => {
  const answer = Promise.withResolvers<string>();
  const rig = new Rig(() => answer.promise);
  const looks = Promise.all(["a", "a", "b"].map((kid) => rig.look(kid)));
  answer.resolve(JSON.stringify({ keys: [A] }));
  assert.deepEqual(await looks, ["found", "found", "unknown_key"]);
  assert.equal(rig.loads, 1);
});

Deno.test("a set is refreshed after ten minutes, give or take one", async () => {
  const rig = new Rig(setOf(A));
  assert.equal(await rig.look("a"), "found");
  rig.publish(B);
  await rig.advance(9 * MINUTE_MS - 1);
  // That attempt was asked for; the schedule begins anew with it.
  assert.equal(rig.loads, 2);
  await rig.clock.advance(9 * MINUTE_MS - 1);
  assert.equal(rig.loads, 2);
  await rig.clock.advance(2 * MINUTE_MS + 1);
  assert.equal(rig.loads, 3);
});

Deno.test("an unknown key is asked for, at most once in 30 s", async () => {
  const rig = new Rig(setOf(A));
  assert.equal(await rig.look("a"), "found");
  rig.publish(A, B);
  await rig.clock.advance(29_999);
  assert.equal(await rig.look("b"), "unknown_key");
  assert.equal(rig.loads, 1);
  await rig.clock.advance(1);
  assert.deepEqual(await Promise.all(["b", "c", "a"].map((kid) => rig.look(kid))), [
    "found",
    "unknown_key",
    "found",
  ]);
  assert.equal(rig.loads, 2);
});

Deno.test("ten thousand unknown keys make one attempt in 30 s, up or down", async () => {
  for (const loaded of [true, false]) {
    const rig = new Rig(() => loaded ? JSON.stringify({ keys: [A] }) : new Error("down"));
    const flood = (): Promise<string[]> =>
      Promise.all(Array.from({ length: 10_000 }, (_, index) => rig.look(`k${index}`)));
    const verdict = loaded ? "unknown_key" : "keys_unavailable";
    // The first load is under way: a thousand wait for it, and the others are told to come again.
    assert.equal((await flood()).filter((each) => each === verdict).length, loaded ? 1000 : 10_000);
    for (let attempts = 1; attempts <= 3; attempts++) {
      assert.deepEqual(new Set(await flood()), new Set([verdict]));
      assert.deepEqual(new Set(await flood()), new Set([verdict]));
      assert.equal(rig.loads, attempts);
      await rig.clock.advance(30_000);
      rig.loads = attempts;
    }
  }
});

Deno.test("the last good set serves through an outage, of which one warning tells", async () => {
  const rig = new Rig(setOf(A));
  assert.equal(await rig.look("a"), "found");
  const failures = [new Error("down"), "", "<html>", "[]", "{}", '{"keys":{}}', '{"keys":null}'];
  const tooMany = JSON.stringify({ keys: Array.from({ length: 101 }, () => B) });
  for (const failure of [...failures, tooMany]) {
    rig.answer = () => failure;
    const { loads } = rig;
    await rig.advance(33_000);
    assert.equal(rig.loads, loads + 1);
    assert.equal(await rig.look("a"), "found");
    assert.equal(rig.keys.epoch, 1);
  }
  assert.equal(rig.warnings.length, 1);
});

Deno.test("none ever loaded: unavailable, with the time until the next attempt", async () => {
  const rig = new Rig(() => new Error("down"));
  assert.equal(await rig.look("a"), "keys_unavailable");
  await rig.clock.advance(10_500);
  await assert.rejects(() => rig.keys.find({ alg: "EdDSA", kid: "a" }), (error) => {
    assert.ok(error instanceof KeysUnavailable);
    assert.deepEqual([error.code, error.retryAfterSeconds], ["identity_unavailable", 20]);
    return true;
  });
  rig.publish(A);
  await rig.advance(23_000);
  assert.equal(await rig.look("a"), "found");
});

Deno.test("failed attempts are repeated without callers, never sooner than 30 s", async () => {
  const rig = new Rig(() => new Error("down"));
  const startsMs: number[] = [];
  rig.answer = () => {
    startsMs.push(rig.clock.monotonicMs());
    return new Error("down");
  };
  await rig.clock.advance(10 * MINUTE_MS);
  assert.ok(startsMs.length >= 18, `${startsMs.length} attempts`);
  for (const [index, startMs] of startsMs.slice(1).entries()) {
    assert.ok(startMs - (startsMs[index] ?? 0) >= 30_000);
  }
});

Deno.test("the epoch moves when the usable keys do, and only then", async () => {
  const rig = new Rig(setOf(A));
  await rig.look("a");
  assert.equal(rig.keys.epoch, 1);
  const next = async (...keys: unknown[]): Promise<number> => {
    rig.publish(...keys);
    await rig.advance(33_000);
    return rig.keys.epoch;
  };
  assert.equal(await next(A), 1);
  assert.equal(await next({ kty: "oct", k: "AAAA" }, A), 1);
  assert.equal(await next(A, B), 2);
  assert.equal(await next(B, A), 2);
  assert.equal(await next(B), 3);
  assert.equal(await rig.look("a"), "unknown_key");
  // All keys are revoked: that is an answer, not an outage.
  assert.equal(await next(), 4);
  assert.equal(await rig.look("b"), "unknown_key");
});

Deno.test("a known key does not wait for an attempt that is under way", async () => {
  const rig = new Rig(setOf(A));
  await rig.look("a");
  const answer = Promise.withResolvers<string>();
  rig.answer = () => answer.promise;
  await rig.clock.advance(30_000);
  const unknown = rig.look("b");
  assert.equal(await rig.look("a"), "found");
  answer.resolve(JSON.stringify({ keys: [A, B] }));
  assert.equal(await unknown, "found");
});

Deno.test("an attempt that lasts is joined, however long", async () => {
  const answer = Promise.withResolvers<string>();
  const rig = new Rig(() => answer.promise);
  await rig.clock.advance(2 * MINUTE_MS);
  const look = rig.look("a");
  answer.resolve(JSON.stringify({ keys: [A] }));
  assert.equal(await look, "found");
  assert.equal(rig.loads, 1);
});

Deno.test("a timer that comes early is set again", async () => {
  const rig = new Rig(() => new Error("down"));
  assert.equal(await rig.look("a"), "keys_unavailable");
  const { clock, keys } = rig;
  const monotonicMs = clock.monotonicMs.bind(clock);
  clock.monotonicMs = () => monotonicMs() - 5000;
  await clock.advance(33_000);
  assert.deepEqual([rig.loads, clock.pendingTimers], [1, 1]);
  await clock.advance(6_000);
  assert.equal(rig.loads, 2);
  keys.close();
});

Deno.test("after closing there are no timers, and what still arrives changes nothing", async () => {
  const answer = Promise.withResolvers<string>();
  const rig = new Rig(() => answer.promise);
  rig.keys.close();
  answer.resolve(JSON.stringify({ keys: [A] }));
  assert.equal(await rig.look("a"), "keys_unavailable");
  assert.deepEqual([rig.keys.epoch, rig.clock.pendingTimers, rig.loads], [0, 0, 1]);
  assert.deepEqual(rig.warnings, []);
});
