// deno-lint-ignore-file no-console -- a command: its result goes to standard output
// Runs schedules by hand:
//   deno run --allow-all tests/sim/run.ts --schedules 100000 --seed 1
// One schedule prints what happened in it; --mutations looks for one that notices each missing rule.
import { LEFT_OUT_RULES, type LeftOutRule } from "./mutations.ts";
import { planScenario } from "./scenario.ts";
import { runWorld } from "./world.ts";

function option(name: string, fallback: number): number {
  const index = Deno.args.indexOf(`--${name}`);
  return index === -1 ? fallback : Number(Deno.args[index + 1]);
}

const schedules = option("schedules", 1000);
const first = option("seed", 1);

/** How many of the schedules break a promise. */
async function runAll(): Promise<number> {
  let failed = 0;
  for (let seed = first; seed < first + schedules; seed++) {
    const { broken } = await runWorld(planScenario(seed));
    if (broken.length > 0) console.log(`seed ${seed}: ${broken[0]}`);
    failed += Math.min(1, broken.length);
  }
  return failed;
}

/** The first schedule in which the rule is missed. */
async function find({ mutation, harden }: LeftOutRule): Promise<string> {
  for (let seed = first; seed < first + schedules; seed++) {
    const planned = planScenario(seed);
    const { broken } = await runWorld(harden?.(planned) ?? planned, { mutation });
    if (broken[0] !== undefined) return `${seed}: ${broken[0]}`;
  }
  return "not missed";
}

async function tell(seed: number): Promise<void> {
  const { broken, trace } = await runWorld(planScenario(seed), { tracing: true });
  console.log([...trace, ...broken].join("\n"));
}

if (Deno.args.includes("--mutations")) {
  for (const leftOut of LEFT_OUT_RULES) {
    console.log(`without "${leftOut.rule}"\n    ${await find(leftOut)}`);
  }
} else if (schedules === 1) await tell(first);
else {
  const startMs = performance.now();
  const failed = await runAll();
  const perSecond = schedules / (performance.now() - startMs) * 1000;
  console.log(
    `${schedules} schedules from seed ${first}: ${failed} failed, ${perSecond.toFixed(0)} a second`,
  );
}
