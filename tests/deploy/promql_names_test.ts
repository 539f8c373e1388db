import assert from "node:assert/strict";
import { metricNames } from "./promql_names.ts";

Deno.test("names of metrics are found where PromQL has them", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["cache_degraded", ["cache_degraded"]],
    ['up{job="cache-service"} == 0', ["up"]],
    ["rate(a_total[5m]) / rate(b_total[5m] offset 1h)", ["a_total", "b_total"]],
    ['sum by (source) (rate(a_total{x="sum(y)"}[$__rate_interval]))', ["a_total"]],
    ["sum(rate(a[1m])) by (le) > bool 0.5 and on (job) b unless c", ["a", "b", "c"]],
    ["a / ignoring (source) group_left () (sum(b) + sum(b))", ["a", "b"]],
    ["job:cache_hit:ratio_rate10m < 0.8 * 1e3", ["job:cache_hit:ratio_rate10m"]],
    ['label_replace(a{b="c"}, "api", "rest", "", "")', ["a"]],
    ["time() - a # and b", ["a"]],
    ["avg_over_time(cache_degraded{a='}'}[$__interval])", ["cache_degraded"]],
  ];
  for (const [expression, names] of cases) {
    assert.deepEqual(metricNames(expression), names, expression);
  }
});
