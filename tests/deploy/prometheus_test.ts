// Requirements 6.1 to 6.5: a real Prometheus scrapes the service, and what the dashboard, the alerts
// and the documentation name is what it finds there.
import assert from "node:assert/strict";
import { redisSettings, ServiceProcess } from "../e2e/service_process.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { startRedis } from "../support/redis_server.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { JWT_SECRET, signToken } from "../support/tokens.ts";
import { waitFor } from "../support/wait_for.ts";
import { ALERTS, ALERTS_TEST, dashboardQueries, readProject } from "./deploy_files.ts";
import { PrometheusServer } from "./prometheus_server.ts";
import { metricNames } from "./promql_names.ts";
import { promtool } from "./promtool.ts";

const needs = ["prometheus", "promtool", "redis-server"];
const SCRAPED_DEADLINE_MS = 15_000;

interface Scraped extends AsyncDisposable {
  readonly service: ServiceProcess;
  readonly prometheus: PrometheusServer;
}

const scraped = sharedServer<Scraped>({
  needs,
  async start(): Promise<Scraped> {
    await using opened = new AsyncDisposableStack();
    const redis = opened.use(await startRedis());
    const service = opened.use(
      await ServiceProcess.start({
        ...redisSettings([redis.address]),
        AUTH_ENABLED: "true",
        AUTH_JWT_SECRET: JWT_SECRET,
      }),
    );
    const prometheus = opened.use(await PrometheusServer.start(`127.0.0.1:${service.httpPort}`));
    const owned = opened.move();
    return { service, prometheus, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },
});

/** Reads over both APIs, with a token and without: what is counted by label shows once it occurs. */
async function useService(): Promise<void> {
  const { origin, grpcAddress } = scraped().service;
  const token = await signToken({ namespace: "*" });
  const rest = new RestDriver(origin, { token });
  const grpc = new GrpcDriver(grpcAddress, { token });
  try {
    const value = new Uint8Array([7]);
    await rest.set({ namespace: "scraped", key: "here", value });
    await rest.batchGet("scraped", ["here", "missing"]);
    await grpc.get("scraped", "here");
    await assert.rejects(new RestDriver(origin).get("scraped", "here"), { code: "unauthorized" });
  } finally {
    grpc.close();
  }
}

/** Uses the service until `condition` comes true. */
function waitWithUse(condition: () => Promise<boolean>, what: () => string): Promise<boolean> {
  const use = async (): Promise<boolean> => {
    await useService();
    return await condition();
  };
  const options = { deadlineMs: SCRAPED_DEADLINE_MS, intervalMs: 500, what: "Prometheus" };
  return waitFor(use, options).catch((cause) => {
    throw new Error(what(), { cause });
  });
}

/** Waits until all metrics that `expressions` name have a sample; fails with those that have none. */
async function assertNamesExist(expressions: readonly string[]): Promise<void> {
  const wanted = new Set(expressions.flatMap(metricNames));
  let missing: ReadonlySet<string> = wanted;
  const allExist = async (): Promise<boolean> => {
    missing = wanted.difference(await scraped().prometheus.names());
    return missing.size === 0;
  };
  await waitWithUse(allExist, () => `no sample of ${[...missing].join(", ")}`);
}

async function exposition(): Promise<string> {
  await useService();
  return await (await fetch(`${scraped().service.origin}/metrics`)).text();
}

serverTest({
  name: "Prometheus scrapes the service",
  needs,
  async fn(): Promise<void> {
    const { prometheus } = scraped();
    await waitFor(async () => /^(up|down)$/.test((await prometheus.targets())[0]?.health ?? ""), {
      deadlineMs: SCRAPED_DEADLINE_MS,
      what: "a scrape",
    });
    const targets = await prometheus.targets();
    assert.deepEqual(targets.map(({ health, lastError }) => [health, lastError]), [["up", ""]]);
  },
});

serverTest({
  name: "promtool finds no fault in the metrics",
  needs,
  async fn(): Promise<void> {
    assert.equal(await promtool(["check", "metrics"], await exposition()), "");
  },
});

serverTest({
  name: "every metric that the dashboard names exists, and every query of it has a result",
  needs,
  async fn(): Promise<void> {
    const queries = dashboardQueries();
    await assertNamesExist(queries.map(({ expr }) => expr));
    let empty: readonly string[] = [];
    await waitWithUse(async () => {
      const results = await Promise.all(
        queries.map(({ expr }) => scraped().prometheus.query(expr)),
      );
      empty = queries.filter((_, index) => results[index] === 0).map(({ title }) => title);
      return empty.length === 0;
    }, () => `no result of ${empty.join(", ")}`);
  },
});

serverTest({
  name: "every metric that an alert names exists, and Prometheus evaluates every rule",
  needs,
  async fn(): Promise<void> {
    const { prometheus } = scraped();
    await waitWithUse(
      async () => (await prometheus.rules()).every(({ health }) => health !== "unknown"),
      () => "a rule is not evaluated",
    );
    const rules = await prometheus.rules();
    assert(rules.length > 10);
    for (const { name, health, lastError } of rules) {
      assert.equal(health, "ok", `${name}: ${lastError}`);
    }
    await assertNamesExist(rules.map(({ query }) => query));
  },
});

serverTest({
  name: "docs/operating.md describes every metric as it is, and no other",
  needs,
  async fn(): Promise<void> {
    const described = describedMetrics();
    const served = servedMetrics(await exposition());
    assert.deepEqual([...described.keys()].sort(), [...served.keys()].sort());
    for (const [name, metric] of served) assert.deepEqual(described.get(name), metric, name);
  },
});

serverTest({
  name: "the dashboard, the alerts and their tests ask for labels that the metrics have",
  needs,
  async fn(): Promise<void> {
    const served = servedMetrics(await exposition());
    const texts = [
      ...dashboardQueries().map(({ expr }) => expr),
      ...[ALERTS, ALERTS_TEST].map(readProject),
    ];
    for (const [selector, series = "", matchers = ""] of texts.join("\n").matchAll(SELECTOR)) {
      const metric = served.get(series) ?? served.get(series.replace(/_(bucket|count)$/, ""));
      const known = ["job", "instance", "le", ...metric?.labels ?? []];
      for (const label of words(matchers, /(\w+)[=!]~?"/g)) {
        assert(known.includes(label), `${label} in ${selector}`);
      }
    }
  },
});

/** A metric with its matchers, in PromQL or as a series. */
const SELECTOR = /(\w+)\{((?:[^"{}]|"[^"]*")*)\}/g;

interface Metric {
  readonly type: string;
  readonly labels: readonly string[];
}

/** The rows of the table of metrics: name, type, labels. */
function describedMetrics(): Map<string, Metric> {
  const [, section = ""] = readProject("docs/operating.md").split("\n## Metrics\n");
  const [table = ""] = section.split("\n## ");
  const rows = table.matchAll(/^\| `(\w+)` +\| (\w+) +\| (.*?) +\|/gm);
  return new Map([...rows].map(([, name = "", type = "", labels = ""]) => [
    name,
    { type, labels: words(labels, /`(\w+)`/g) },
  ]));
}

/** What an exposition in Prometheus' text format holds. */
function servedMetrics(text: string): Map<string, Metric> {
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  return new Map(types.map(([, name = "", type = ""]) => {
    const sample = type === "histogram" ? `${name}_count` : name;
    const [, labels = ""] = text.match(new RegExp(`^${sample}\\{(.*)\\} `, "m")) ?? [];
    return [name, { type, labels: words(labels, /(\w+)="/g) }];
  }));
}

/** What `pattern` captures in `text`, sorted. */
function words(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, word = ""]) => word).sort();
}
