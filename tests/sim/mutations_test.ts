import assert from "node:assert/strict";
import { LEFT_OUT_RULES } from "./mutations.ts";
import { planScenario } from "./scenario.ts";
import { runWorld } from "./world.ts";

/** A change of the code may change what becomes of a schedule; then another is looked for. */
const MAX_SCHEDULES = 2000;

for (const { rule, mutation, harden, fromSeed } of LEFT_OUT_RULES) {
  Deno.test(`the simulation misses the rule: ${rule}`, async () => {
    for (let seed = fromSeed; seed < fromSeed + MAX_SCHEDULES; seed++) {
      const planned = planScenario(seed);
      const scenario = harden?.(planned) ?? planned;
      const { broken } = await runWorld(scenario, { mutation });
      if (broken.length === 0) continue;
      const { broken: withRule } = await runWorld(scenario);
      assert.deepEqual(withRule, [], `seed ${seed} breaks a promise with the rule too`);
      return;
    }
    assert.fail(
      `no schedule of ${MAX_SCHEDULES} from seed ${fromSeed} breaks a promise without it`,
    );
  });
}
