/** The outcome of a test run; a test is named by its file and title. */
export interface Results {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

const TEST_CASE = /<testcase name="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;
const ENTITIES = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" } as const;

function unescapeXml(text: string): string {
  return text.replace(
    /&(lt|gt|quot|apos|amp);/g,
    (_, name: keyof typeof ENTITIES) => ENTITIES[name],
  );
}

/**
 * Counts the tests and the steps in a report of `deno test --junit-path`. An empty report has
 * none. Throws if it does not hold as many as it declares.
 */
export function countResults(report: string): Results {
  let passed = 0;
  const failed: string[] = [];
  const skipped: string[] = [];
  for (const [, name = "", file = "", outcome = ""] of report.matchAll(TEST_CASE)) {
    const title = unescapeXml(`${file}: ${name}`);
    if (/<(failure|error)[ >/]/.test(outcome)) failed.push(title);
    else if (/<skipped[ >/]/.test(outcome)) skipped.push(title);
    else passed++;
  }
  const declared = Number(/<testsuites [^>]*\btests="(\d+)"/.exec(report)?.[1] ?? 0);
  const found = passed + failed.length + skipped.length;
  if (found !== declared) {
    throw new Error(`the report declares ${declared} tests, and ${found} were found in it`);
  }
  return { passed, failed, skipped };
}

/** The outcome of several runs. */
export function addResults(runs: readonly Results[]): Results {
  return {
    passed: runs.reduce((sum, { passed }) => sum + passed, 0),
    failed: runs.flatMap(({ failed }) => failed),
    skipped: runs.flatMap(({ skipped }) => skipped),
  };
}

/** Names all that failed, skips and failed `steps` of the gate too; the last line counts. */
export function summarize(results: Results, steps: readonly string[]): string {
  const { passed } = results;
  const failures = [
    ...results.failed.map((title) => `FAILED  ${title}`),
    ...results.skipped.map((title) => `SKIPPED ${title}`),
    ...steps.map((step) => `FAILED  step: ${step}`),
    ...passed === 0 ? ["FAILED  no test passed"] : [],
  ];
  return [...failures, `${passed} passed, ${failures.length} failed`].join("\n");
}

if (import.meta.main) {
  // Reports, two dashes, and the steps that failed.
  const end = Deno.args.indexOf("--");
  const runs = Deno.args.slice(0, end).map((file) => countResults(Deno.readTextFileSync(file)));
  // deno-lint-ignore no-console -- what this program is for
  console.log(summarize(addResults(runs), Deno.args.slice(end + 1)));
}
