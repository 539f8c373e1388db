// Property 18 in process, and requirements 10.1 to 10.7: replicas of the real cache code in a seeded
// world keep the promises of semantics.md, whatever breaks.
import assert from "node:assert/strict";
import { propertySeed } from "../support/seeded_random.ts";
import { planScenario } from "./scenario.ts";
import { runWorld } from "./world.ts";

const SCHEDULES = 3000;

/** SIM_SEED runs one schedule and prints what happened in it. */
const replayed = Deno.env.get("SIM_SEED");

Deno.test("no schedule of faults and calls breaks a promise", async () => {
  if (replayed !== undefined) return await replay(Number(replayed));
  const first = propertySeed() >>> 0;
  for (let seed = first; seed < first + SCHEDULES; seed++) {
    const { broken } = await runWorld(planScenario(seed));
    assert(broken.length === 0, `SIM_SEED=${seed} tells how this came about: ${broken.join("; ")}`);
  }
});

async function replay(seed: number): Promise<void> {
  const { broken, trace } = await runWorld(planScenario(seed), { tracing: true });
  assert(broken.length === 0, [...trace, ...broken].join("\n"));
}
