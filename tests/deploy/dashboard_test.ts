// Requirements 6.1 to 6.5: the dashboard is one that Grafana loads. That its metrics exist is seen in
// prometheus_test.ts.
import assert from "node:assert/strict";
import { type Panel, readDashboard } from "./deploy_files.ts";

Deno.test("the dashboard goes by its variables, in Grafana 11's schema", () => {
  const { schemaVersion, templating, panels } = readDashboard();
  assert.equal(schemaVersion, 39);
  assert.deepEqual(
    templating.list.map(({ name, type }) => [name, type]),
    [["DS_PROMETHEUS", "datasource"], ["job", "query"], ["instance", "query"]],
  );
  for (const { type, title, datasource, targets = [] } of panels) {
    if (type === "row") continue;
    assert.deepEqual(datasource, { type: "prometheus", uid: "${DS_PROMETHEUS}" }, title);
    assert(targets.length > 0, title);
    for (const { expr } of targets) {
      const selectors = expr.match(/\{[^{}]*\}/g) ?? [];
      assert(selectors.length > 0, title);
      for (const selector of selectors) {
        assert.match(selector, /^\{job="\$job",instance=~"\$instance"/, title);
      }
    }
  }
});

Deno.test("panels have an id of their own and do not lie on each other", () => {
  const { panels } = readDashboard();
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const [index, panel] of panels.entries()) {
    assert(panel.gridPos.x + panel.gridPos.w <= 24, panel.title);
    for (const other of panels.slice(index + 1)) {
      assert(!overlap(panel, other), `${panel.title} lies on ${other.title}`);
    }
  }
});

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
