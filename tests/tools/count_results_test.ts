import assert from "node:assert/strict";
import { addResults, countResults, summarize } from "./count_results.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="6" failures="2" errors="1" time="0.132">
    <testsuite name="./a_test.ts" tests="5" disabled="1" errors="0" failures="2">
        <testcase name="one" classname="./a_test.ts" time="0.003" line="5" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="two" classname="./a_test.ts" time="0.000" line="6" col="6">
        </testcase>
        <testcase name="three (missing: redis-server)" classname="./a_test.ts" line="7" col="6">
            <skipped/>
        </testcase>
        <testcase name="one &gt; step &quot;&amp;lt;&quot;" classname="./a_test.ts" time="0.000">
            <failure message="Uncaught Error: &lt;skipped/&gt;">Error: no
lines</failure>
        </testcase>
        <testcase name="one &gt; good step" classname="./a_test.ts" time="0.000">
            <system-out>quotes a &lt;failure&gt;</system-out>
        </testcase>
    </testsuite>
    <testsuite name="./b_test.ts" tests="1" disabled="0" errors="1" failures="0">
        <testcase name="cut short" classname="./b_test.ts" time="0.000" line="2" col="6">
            <error message="Cancelled"/>
        </testcase>
    </testsuite>
</testsuites>
`;

Deno.test("passed, failed and skipped tests and steps are told apart", () => {
  assert.deepEqual(countResults(REPORT), {
    passed: 2,
    failed: ["./a_test.ts: one", './a_test.ts: one > step "&lt;"', "./b_test.ts: cut short"],
    skipped: ["./a_test.ts: three (missing: redis-server)"],
  });
});

Deno.test("a report that holds other numbers than it declares is refused", () => {
  assert.throws(() => countResults(REPORT.replace('tests="6"', 'tests="7"')), {
    message: "the report declares 7 tests, and 6 were found in it",
  });
});

Deno.test("the results of several runs add up", () => {
  const first = { passed: 2, failed: ["a: one"], skipped: [] };
  const second = { passed: 3, failed: ["b: two"], skipped: ["b: three"] };
  assert.deepEqual(addResults([first, second]), {
    passed: 5,
    failed: ["a: one", "b: two"],
    skipped: ["b: three"],
  });
});

Deno.test("the program takes reports, and after two dashes the steps that failed", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/report.xml`, REPORT);
  const program = new URL("./count_results.ts", import.meta.url).pathname;
  const report = `${folder}/report.xml`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", `--allow-read=${folder}`, program, report, report, "--", "a step"],
  }).output();
  await Deno.remove(folder, { recursive: true });
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assert.deepEqual(lines.slice(-2), ["FAILED  step: a step", "4 passed, 9 failed"]);
});

Deno.test("skips and failed steps count as failures, and all are named", () => {
  assert.equal(
    summarize({ passed: 2, failed: ["a: one"], skipped: ["a: two"] }, ["deno task ok"]),
    [
      "FAILED  a: one",
      "SKIPPED a: two",
      "FAILED  step: deno task ok",
      "2 passed, 3 failed",
    ].join("\n"),
  );
  assert.equal(summarize({ passed: 2, failed: [], skipped: [] }, []), "2 passed, 0 failed");
});

Deno.test("a run without tests is a failure", () => {
  assert.equal(summarize(countResults(""), []), "FAILED  no test passed\n0 passed, 1 failed");
});

Deno.test("the runner still writes reports of this form", async () => {
  const folder = await Deno.makeTempDir();
  const source = `Deno.test("good", () => {});
    Deno.test("steps", async (t) => void await t.step("bad", () => { throw new Error("<no>") }));
    Deno.test({ name: "left out", ignore: true, fn() {} });`;
  await Deno.writeTextFile(`${folder}/sample_test.ts`, source);
  const args = ["test", "--no-config", "--no-check", "--junit-path=report.xml"];
  await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output();
  const results = countResults(await Deno.readTextFile(`${folder}/report.xml`));
  await Deno.remove(folder, { recursive: true });
  const file = "./sample_test.ts";
  assert.deepEqual(results, {
    passed: 1,
    failed: [`${file}: steps`, `${file}: steps > bad`],
    skipped: [`${file}: left out`],
  });
});
