// Property 16, requirements 7.3, 7.4: the breaker opens at the threshold, lets no call through while
// open, half-opens by ping or timeout, and closes or opens anew.
import assert from "node:assert/strict";
import fc from "fast-check";
import { Breaker, type BreakerState, type Permit } from "../../src/store/breaker.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { propertyOptions } from "../support/seeded_random.ts";

interface Settings {
  readonly failureThreshold: number;
  readonly openTimeoutMs: number;
  readonly halfOpenRequests: number;
  readonly successThreshold: number;
}

type Verdict = "succeeded" | "failed" | "released";

type Step =
  | { readonly do: "enter" }
  | { readonly do: "probe" }
  | { readonly do: "advance"; readonly ms: number }
  /** `call` picks one of all calls made so far, also one that was settled. */
  | { readonly do: "settle"; readonly call: number; readonly verdict: Verdict };

/** From one change of state to the next; all that is to be known follows from its calls. */
interface Phase {
  readonly state: BreakerState;
  readonly sinceMs: number;
  begun: number;
  readonly verdicts: Verdict[];
}

interface ModelCall {
  readonly phase: Phase;
  settled: boolean;
}

/** What a breaker should do, by the words of semantics.md and with no counters of its own. */
class Model {
  readonly phases: Phase[] = [{ state: "closed", sinceMs: 0, begun: 0, verdicts: [] }];
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get phase(): Phase {
    const phase = this.phases.at(-1);
    assert(phase !== undefined);
    return phase;
  }

  retryAfterMs(nowMs: number): number {
    const { state, sinceMs } = this.phase;
    return state === "open" ? Math.max(0, sinceMs + this.#settings.openTimeoutMs - nowMs) : 0;
  }

  enter(nowMs: number): ModelCall | undefined {
    if (this.phase.state === "open" && this.retryAfterMs(nowMs) === 0) {
      this.#next("half-open", nowMs);
    }
    const { phase } = this;
    const released = phase.verdicts.filter((verdict) => verdict === "released").length;
    const places = {
      "closed": Infinity,
      "open": 0,
      "half-open": this.#settings.halfOpenRequests + released,
    };
    if (phase.begun >= places[phase.state]) return undefined;
    phase.begun++;
    return { phase, settled: false };
  }

  probe(nowMs: number): void {
    if (this.phase.state === "open") this.#next("half-open", nowMs);
  }

  settle(call: ModelCall, { verdict, nowMs }: { verdict: Verdict; nowMs: number }): void {
    if (call.settled) return;
    call.settled = true;
    if (call.phase !== this.phase) return;
    const { state, verdicts } = this.phase;
    verdicts.push(verdict);
    const telling = verdicts.filter((one) => one !== "released");
    const { failureThreshold, successThreshold } = this.#settings;
    if (state === "closed") {
      const run = telling.slice(-failureThreshold);
      if (run.length === failureThreshold && !run.includes("succeeded")) this.#next("open", nowMs);
    } else if (telling.includes("failed")) {
      this.#next("open", nowMs);
    } else if (telling.length >= successThreshold) {
      this.#next("closed", nowMs);
    }
  }

  #next(state: BreakerState, sinceMs: number): void {
    this.phases.push({ state, sinceMs, begun: 0, verdicts: [] });
  }
}

const settings: fc.Arbitrary<Settings> = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(2)).chain(
  ([successThreshold, spare]) =>
    fc.record({
      failureThreshold: fc.integer({ min: 1, max: 4 }),
      openTimeoutMs: fc.integer({ min: 1, max: 100 }),
      halfOpenRequests: fc.constant(successThreshold + spare),
      successThreshold: fc.constant(successThreshold),
    }),
);

/** Half of the results are those of the newest calls, so that runs of failures come about. */
const calls = fc.oneof(fc.constantFrom(-1, -2, -3), fc.nat());
const verdicts: fc.Arbitrary<Verdict> = fc.constantFrom(
  "succeeded",
  "failed",
  "failed",
  "released",
);

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>({ do: "enter" }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("settle"), call: calls, verdict: verdicts }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "probe" }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("advance"), ms: fc.nat(60) }) },
);

/** Takes every step with a breaker and with the model, and compares all that can be seen. */
function follow(given: Settings, taken: readonly Step[]): readonly BreakerState[] {
  const clock = new FakeClock({ monotonicMs: 0 });
  const model = new Model(given);
  const seen: BreakerState[] = ["closed"];
  const breaker = new Breaker({ ...given, clock, onTransition: (to) => seen.push(to) });
  const begun: { readonly permit: Permit; readonly call: ModelCall }[] = [];
  for (const step of taken) {
    const nowMs = clock.monotonicMs();
    if (step.do === "enter") {
      const permit = breaker.enter();
      const call = model.enter(nowMs);
      assert.equal(permit !== undefined, call !== undefined, "whether a call is let through");
      if (permit !== undefined && call !== undefined) begun.push({ permit, call });
    } else if (step.do === "settle") {
      const one = begun.at(step.call < 0 ? step.call : step.call % Math.max(1, begun.length));
      if (one === undefined) continue;
      breaker[step.verdict](one.permit);
      model.settle(one.call, { verdict: step.verdict, nowMs });
    } else if (step.do === "probe") {
      breaker.probeAnswered(clock.monotonicMs());
      model.probe(nowMs);
    } else {
      clock.advanceSync(step.ms);
    }
    assert.equal(breaker.state, model.phase.state);
    assert.equal(breaker.retryAfterMs(), model.retryAfterMs(clock.monotonicMs()));
    assert.equal(clock.pendingTimers, 0);
  }
  assert.deepEqual(seen, model.phases.map((phase) => phase.state));
  return seen;
}

Deno.test("a breaker does what its plain model does", () => {
  const changes = new Set<string>();
  fc.assert(
    fc.property(settings, fc.array(steps, { maxLength: 120, size: "max" }), (given, taken) => {
      const seen = follow(given, taken);
      for (const [i, to] of seen.entries()) if (i > 0) changes.add(`${seen[i - 1]} to ${to}`);
    }),
    propertyOptions({ numRuns: 500 }),
  );
  assert.deepEqual([...changes].sort(), [
    "closed to open",
    "half-open to closed",
    "half-open to open",
    "open to half-open",
  ], "the runs went through every change of state");
});
