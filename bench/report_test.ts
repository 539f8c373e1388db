import assert from "node:assert/strict";
import type { Target } from "./contest.ts";
import { markdown, type Report } from "./report.ts";
import type { Api } from "./servers.ts";

const ROUND = {
  requestsPerSecond: 1000,
  p50Ms: 1,
  p99Ms: 2,
  serverCpuUs: 10,
  busy: { server: 1, load: 0.5, redis: 0 },
};
const EVERYWHERE: readonly Target[] = ["ceiling", "memory", "near", "redis"];
const HOT: readonly Target[] = [...EVERYWHERE, "open", "quiet"];

const results = (api: Api, targets: readonly Target[], workload: string): Report["results"] =>
  targets.map((target) => ({ api, workload, target, rounds: [ROUND, ROUND, ROUND] }));

const REPORT: Report = {
  machine: {
    date: "2026-01-01",
    commit: "c0ffee",
    processor: "p",
    cores: 2,
    memoryGib: 8,
    kernel: "k",
    deno: "2.9.3",
    redis: "7",
    loadBefore: 0,
  },
  plan: { rounds: 3, roundSeconds: 1, warmUpSeconds: 1 },
  workloads: { hot: "the hot one", cold: "the cold one" },
  results: [
    ...results("rest", [...HOT, "hono"], "hot"),
    ...results("rest", [...EVERYWHERE, "hono"], "cold"),
    ...results("grpc", HOT, "hot"),
    ...results("grpc", EVERYWHERE, "cold"),
  ],
};

Deno.test("a report of all workloads has a ratio for each server that took part", () => {
  const text = markdown(REPORT);
  assert.doesNotMatch(text, /NaN|undefined/);
  for (const title of ["the hot one", "the cold one"]) assert(text.includes(`| ${title} | 1.00 (`));
  assert.equal(text.match(/shipped over those without/g)?.length, 2);
});
