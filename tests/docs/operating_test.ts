// Requirements 6.1 to 6.5, 9.1: docs/operating.md has what the program has. The types and labels of
// metrics are seen in tests/deploy/prometheus_test.ts, where a service runs.
import assert from "node:assert/strict";
import { usage } from "../../src/cli/run_command.ts";
import { PrometheusMeter } from "../../src/telemetry/prometheus_meter.ts";
import { readProject } from "../deploy/deploy_files.ts";
import { section, withoutCodeBlocks } from "./markdown.ts";

const OPERATING = readProject("docs/operating.md");
/** What is called as a metric is; rules and labels have other endings. */
const METRIC = /\b(?:cache|process|rpc_server|http_server)_[a-z_]+(?:_total|_seconds|_bytes)\b/g;

/** Names of the metrics with their types, as a scrape tells them. */
async function servedMetrics(): Promise<Map<string, string>> {
  const meter = new PrometheusMeter();
  const none = (): number => 0;
  meter.watch({
    memoryBytes: none,
    localEntries: none,
    isDegraded: () => false,
    breakers: () => ({}),
    journalEntries: none,
    journalBytes: none,
    isTracking: () => false,
    droppedLogLines: none,
  });
  const lines = (await meter.exposition()).matchAll(/^# TYPE (\w+) (\w+)$/gm);
  return new Map([...lines].map(([, name = "", type = ""]) => [name, type]));
}

Deno.test("docs/operating.md has every metric with its type, and no other", async () => {
  const rows = section(OPERATING, "## Metrics").matchAll(/^\| `(\w+)` +\| (\w+) +\|/gm);
  const described = [...rows].map(([, name = "", type = ""]) => [name, type]);
  assert.deepEqual(described.sort(), [...await servedMetrics()].sort());
});

Deno.test("docs/operating.md names no metric that does not exist, wherever it is", async () => {
  const served = await servedMetrics();
  for (const [name] of OPERATING.matchAll(METRIC)) assert(served.has(name), `${name} is no metric`);
});

Deno.test("docs/operating.md has every command of --help, and no other", async () => {
  const listed = [...(await usage()).matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name);
  assert(listed.length > 10);
  const [block = ""] = section(OPERATING, "## Start").match(/^```sh\n[^]*?```$/m) ?? [];
  const described = [...block.matchAll(/^cache-service (\S+) +#/gm)].map(([, name]) => name);
  assert.deepEqual(described.sort(), listed.sort());
});

Deno.test("every alert has a runbook, and every runbook an alert", () => {
  const alerts = readProject("deploy/prometheus/alerts.yaml").matchAll(/^ +- alert: (\w+)$/gm);
  const names = new Set([...alerts].map(([, name]) => name));
  assert(names.size > 5);
  const headings = section(OPERATING, "## Runbooks").matchAll(/^### (.+)$/gm);
  assert.deepEqual([...headings].map(([, name]) => name).sort(), [...names].sort());
});

Deno.test("the contents of docs/operating.md are its sections, in their order", () => {
  const sections = [...withoutCodeBlocks(OPERATING).matchAll(/^## (.+)$/gm)].map(([, name]) =>
    name
  );
  const [, contents = ""] = OPERATING.split("\n\n");
  const listed = [...contents.matchAll(/\[([^\]]+)\]\(#/g)].map(([, name]) => name);
  assert.deepEqual(listed, sections);
});
