import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { Breaker, type BreakerState, type Permit } from "./breaker.ts";

interface Fixture {
  readonly breaker: Breaker;
  readonly clock: FakeClock;
  readonly transitions: BreakerState[];
}

const OPEN_TIMEOUT_MS = 30_000;

/** Opens after 3 failures, tries 2 calls, closes after 2 successes. */
function closedBreaker(): Fixture {
  const clock = new FakeClock();
  const transitions: BreakerState[] = [];
  const breaker = new Breaker({
    failureThreshold: 3,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    halfOpenRequests: 2,
    successThreshold: 2,
    clock,
    onTransition: (to) => transitions.push(to),
  });
  return { breaker, clock, transitions };
}

function openBreaker(): Fixture {
  const fixture = closedBreaker();
  for (let failure = 0; failure < 3; failure++) fixture.breaker.failed(enter(fixture.breaker));
  assert.equal(fixture.breaker.state, "open");
  return fixture;
}

function halfOpenBreaker(): Fixture {
  const fixture = openBreaker();
  fixture.breaker.probeAnswered(0);
  assert.equal(fixture.breaker.state, "half-open");
  return fixture;
}

function enter(breaker: Breaker): Permit {
  const permit = breaker.enter();
  assert(permit !== undefined);
  return permit;
}

Deno.test("failures in a row open the breaker, which then lets no call through", () => {
  const { breaker, transitions } = closedBreaker();
  const permits = [enter(breaker), enter(breaker), enter(breaker)];
  for (const permit of permits) {
    assert.equal(breaker.state, "closed");
    breaker.failed(permit);
  }
  assert.equal(breaker.state, "open");
  assert.equal(breaker.enter(), undefined);
  assert.deepEqual(transitions, ["open"]);
});

Deno.test("a success ends the run of failures, a release does not", () => {
  const { breaker } = closedBreaker();
  breaker.failed(enter(breaker));
  breaker.failed(enter(breaker));
  breaker.succeeded(enter(breaker));
  breaker.failed(enter(breaker));
  breaker.failed(enter(breaker));
  breaker.released(enter(breaker));
  assert.equal(breaker.state, "closed");
  breaker.failed(enter(breaker));
  assert.equal(breaker.state, "open");
});

Deno.test("a call settles once", () => {
  const { breaker } = closedBreaker();
  const permit = enter(breaker);
  for (let again = 0; again < 5; again++) breaker.failed(permit);
  assert.equal(breaker.state, "closed");

  const { breaker: trying } = halfOpenBreaker();
  const trial = enter(trying);
  trying.succeeded(trial);
  trying.succeeded(trial);
  trying.released(trial);
  trying.failed(trial);
  assert.equal(trying.state, "half-open");
  assert.notEqual(trying.enter(), undefined);
  assert.equal(trying.enter(), undefined);
});

Deno.test("the timeout half-opens on the first call after it", () => {
  const { breaker, clock, transitions } = openBreaker();
  assert.equal(breaker.retryAfterMs(), OPEN_TIMEOUT_MS);
  clock.advanceSync(OPEN_TIMEOUT_MS - 1);
  assert.equal(breaker.retryAfterMs(), 1);
  assert.equal(breaker.enter(), undefined);
  clock.advanceSync(1);
  assert.equal(breaker.retryAfterMs(), 0);
  assert.equal(breaker.state, "open");
  assert.notEqual(breaker.enter(), undefined);
  assert.deepEqual(transitions, ["open", "half-open"]);
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a ping's answer half-opens at once and changes nothing otherwise", () => {
  const { breaker, transitions } = openBreaker();
  breaker.probeAnswered(0);
  assert.equal(breaker.state, "half-open");
  enter(breaker);
  breaker.probeAnswered(0);
  enter(breaker);
  assert.equal(breaker.enter(), undefined);
  assert.deepEqual(transitions, ["open", "half-open"]);

  const { breaker: closed } = closedBreaker();
  closed.failed(enter(closed));
  closed.failed(enter(closed));
  closed.probeAnswered(0);
  assert.equal(closed.state, "closed");
  closed.failed(enter(closed));
  assert.equal(closed.state, "open");
});

Deno.test("a half-open breaker refuses calls over its quota; released ones are given back", () => {
  const { breaker } = halfOpenBreaker();
  const first = enter(breaker);
  enter(breaker);
  assert.equal(breaker.enter(), undefined);
  assert.equal(breaker.retryAfterMs(), 0);
  breaker.released(first);
  enter(breaker);
  assert.equal(breaker.enter(), undefined);
});

Deno.test("successes close a half-open breaker, which counts failures afresh", () => {
  const { breaker, transitions } = halfOpenBreaker();
  breaker.succeeded(enter(breaker));
  assert.equal(breaker.state, "half-open");
  breaker.succeeded(enter(breaker));
  assert.equal(breaker.state, "closed");
  breaker.failed(enter(breaker));
  breaker.failed(enter(breaker));
  assert.equal(breaker.state, "closed");
  assert.deepEqual(transitions, ["open", "half-open", "closed"]);
});

Deno.test("one failure when half-open opens anew, for the whole timeout", () => {
  const { breaker, clock } = openBreaker();
  clock.advanceSync(OPEN_TIMEOUT_MS);
  const trials = [enter(breaker), enter(breaker)] as const;
  breaker.succeeded(trials[0]);
  clock.advanceSync(1_000);
  breaker.failed(trials[1]);
  assert.equal(breaker.state, "open");
  assert.equal(breaker.retryAfterMs(), OPEN_TIMEOUT_MS);

  breaker.probeAnswered(0);
  breaker.succeeded(enter(breaker));
  assert.equal(breaker.state, "half-open", "successes of an earlier trial do not count");
});

// Five calls hang on a connection that died; the breaker opens by three others and the ping's answer
// half-opens it, before the five time out.
Deno.test("results of calls from before a change of state do not count", () => {
  const { breaker } = closedBreaker();
  const hanging = Array.from({ length: 5 }, () => enter(breaker));
  const settleOne = (verdict: "failed" | "succeeded" | "released"): void => {
    const permit = hanging.pop();
    assert(permit !== undefined);
    breaker[verdict](permit);
  };
  for (let failure = 0; failure < 3; failure++) breaker.failed(enter(breaker));
  settleOne("succeeded");
  assert.equal(breaker.state, "open");

  breaker.probeAnswered(0);
  const trials = [enter(breaker), enter(breaker)] as const;
  settleOne("failed");
  settleOne("released");
  assert.equal(breaker.state, "half-open");
  assert.equal(breaker.enter(), undefined);

  breaker.succeeded(trials[0]);
  settleOne("succeeded");
  assert.equal(breaker.state, "half-open");
  breaker.succeeded(trials[1]);
  assert.equal(breaker.state, "closed");

  breaker.failed(enter(breaker));
  breaker.failed(enter(breaker));
  settleOne("failed");
  assert.equal(breaker.state, "closed");
});

// Twenty keys travel over one connection; it falls silent, and their calls time out in one tick.
Deno.test("calls without an answer do not count while later ones on the node are answered", () => {
  const { breaker, clock } = closedBreaker();
  const hanging = Array.from({ length: 20 }, () => enter(breaker));
  clock.advanceSync(1);
  breaker.succeeded(enter(breaker));
  for (const permit of hanging) breaker.unanswered(permit, 0);
  assert.equal(breaker.state, "closed");

  const later = Array.from({ length: 3 }, () => enter(breaker));
  breaker.probeAnswered(clock.monotonicMs());
  clock.advanceSync(1);
  for (const permit of later) breaker.unanswered(permit, 0);
  assert.equal(breaker.state, "open", "nothing that began later was answered");
});

Deno.test("a trial without an answer is given back where a later ping was answered", () => {
  const { breaker, clock } = halfOpenBreaker();
  const trials = [enter(breaker), enter(breaker)];
  assert.equal(breaker.enter(), undefined);
  clock.advanceSync(1);
  breaker.probeAnswered(clock.monotonicMs());
  for (const permit of trials) breaker.unanswered(permit, 0);
  assert.equal(breaker.state, "half-open");
  breaker.succeeded(enter(breaker));
  breaker.succeeded(enter(breaker));
  assert.equal(breaker.state, "closed");
});

Deno.test("calls that were not sent do not count while the node has just answered others", () => {
  const { breaker, clock } = closedBreaker();
  breaker.succeeded(enter(breaker));
  clock.advanceSync(999);
  for (let call = 0; call < 5; call++) breaker.unanswered(enter(breaker), 1000);
  assert.equal(breaker.state, "closed");
  clock.advanceSync(1);
  for (let call = 0; call < 3; call++) breaker.unanswered(enter(breaker), 1000);
  assert.equal(breaker.state, "open");
});
