import assert from "node:assert/strict";
import { type Attempt, convergenceFault, type Found } from "./convergence.ts";

const set = (value: string, at: number, more: Partial<Attempt> = {}): Attempt => ({
  value,
  startedAtMs: at,
  endedAtMs: at + 1,
  outcome: "stored",
  version: versionAt(at),
  ...more,
});
const remove = (at: number, more: Partial<Attempt> = {}): Attempt =>
  set("", at, { value: undefined, version: undefined, ...more });
const versionAt = (at: number, writer = "00000001"): string =>
  `${String(at).padStart(12, "0")}0000${writer}`;
const stands = (value: string, at: number, writer?: string): Found => ({
  value,
  version: versionAt(at, writer),
});
const fault = (attempts: readonly Attempt[], found?: Found): string | undefined =>
  convergenceFault(attempts, { found, gapMs: 10 });

Deno.test("the last write stands, a miss only after a delete", () => {
  assert.equal(fault([]), undefined);
  assert.equal(fault([set("a", 0), set("b", 20)], stands("b", 20)), undefined);
  assert.match(fault([set("a", 0), set("b", 20)], stands("a", 0)) ?? "", /later write/);
  assert.match(fault([set("a", 0)]) ?? "", /lost/);
  assert.equal(fault([set("a", 0), remove(20)]), undefined);
  assert.match(fault([set("a", 0), remove(20)], stands("a", 0)) ?? "", /later write/);
  assert.match(fault([remove(0), set("a", 20)]) ?? "", /lost/);
  assert.match(fault([], stands("a", 0)) ?? "", /nobody/);
});

Deno.test("of two writes close together the higher version stands", () => {
  assert.equal(fault([set("a", 0), set("b", 5)], stands("b", 5)), undefined);
  assert.match(fault([set("a", 0), set("b", 5)], stands("a", 0)) ?? "", /acknowledged/);
  for (const found of [undefined, stands("a", 0)]) {
    assert.equal(fault([set("a", 0), remove(5)], found), undefined);
  }
});

Deno.test("a refused write may have landed, but not over a later one", () => {
  const refused = set("a", 0, { outcome: "refused", version: undefined });
  assert.equal(fault([refused]), undefined);
  assert.equal(fault([refused], stands("a", 0)), undefined);
  assert.match(fault([refused, set("b", 20)], stands("a", 20)) ?? "", /later write/);
});

Deno.test("a version changes only where a degraded write had landed, raised", () => {
  assert.match(fault([set("a", 0)], stands("a", 1)) ?? "", /stands as/);
  const degraded = set("a", 0, { outcome: "degraded" });
  assert.match(fault([degraded], stands("a", 1)) ?? "", /stands as/);
  assert.equal(fault([degraded], stands("a", 1, "80000001")), undefined);
});

Deno.test("versions follow the order of writes", () => {
  const attempts = [set("a", 0, { version: versionAt(30) }), set("b", 20)];
  assert.match(fault(attempts, stands("b", 20)) ?? "", /higher/);
});
