// Requirements 6.1 to 6.5, 7.1: alerts are sound, tested, and lead to a runbook.
import assert from "node:assert/strict";
import { SETTINGS } from "../../src/config/settings.ts";
import { serverTest } from "../support/backends.ts";
import { ALERTS, ALERTS_TEST, projectFile, PROMETHEUS, readProject } from "./deploy_files.ts";
import { promtool } from "./promtool.ts";

const needs = ["promtool"];

serverTest({
  name: "promtool finds no fault in the alerts and in the example configuration",
  needs,
  async fn(): Promise<void> {
    await promtool(["check", "rules", projectFile(ALERTS)]);
    await promtool(["check", "config", projectFile(PROMETHEUS)]);
  },
});

serverTest({
  name: "alerts fire when they should, and only then",
  needs,
  async fn(): Promise<void> {
    await promtool(["test", "rules", projectFile(ALERTS_TEST)]);
  },
});

/** The alerts, by the lines of each. */
function alerts(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const text of readProject(ALERTS).split("- alert: ").slice(1)) {
    const name = text.slice(0, text.indexOf("\n"));
    found.set(name, [...found.get(name) ?? [], text]);
  }
  return found;
}

Deno.test("every alert is tested firing and not firing", () => {
  const cases = [...readProject(ALERTS_TEST).matchAll(/alertname: (\w+)\n\s+exp_alerts:(.*)\n/g)];
  for (const name of alerts().keys()) {
    const outcomes = cases.filter(([, of]) => of === name).map(([, , list]) => list?.trim());
    assert(outcomes.includes("[]"), `${name} is tested not firing`);
    assert(outcomes.some((list) => list !== "[]"), `${name} is tested firing`);
  }
});

Deno.test("every alert has a severity, a text and a runbook of its name", () => {
  const headings = readProject("docs/operating.md").split("\n");
  for (const [name, texts] of alerts()) {
    for (const text of texts) {
      assert.match(text, /severity: (critical|warning)\n/, name);
      assert.match(text, /summary: \S/, name);
      assert.match(text, /description: \S/, name);
      const runbook = `runbook_url: docs/operating.md#${name.toLowerCase()}\n`;
      assert(text.includes(runbook), `${name} has ${runbook}`);
    }
    assert(headings.includes(`### ${name}`), `docs/operating.md has a runbook of ${name}`);
  }
});

Deno.test("every runbook is of an alert", () => {
  const names = alerts();
  const [, runbooks = ""] = readProject("docs/operating.md").split("\n## Runbooks\n");
  const [section = ""] = runbooks.split("\n## ");
  const headings = [...section.matchAll(/^### (\w+)$/gm)].map(([, name = ""]) => name);
  assert.equal(headings.length, names.size);
  for (const name of headings) assert(names.has(name), `${name} is no alert`);
});

Deno.test("the journal's limits in the alerts are the defaults of the settings", () => {
  const [filling = ""] = alerts().get("CacheJournalFilling") ?? [];
  const fallback = (name: string): string | undefined =>
    SETTINGS.find((setting) => setting.name === name)?.default;
  assert(filling.includes(`> ${fallback("CACHE_JOURNAL_MAX_ENTRIES")}\n`));
  assert(filling.includes(`> ${fallback("CACHE_JOURNAL_MAX_MB")} * 1024 * 1024\n`));
});
