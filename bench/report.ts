import type { Result, RoundPlan, Target } from "./contest.ts";
import { IN_FLIGHT } from "./load.ts";
import type { Machine } from "./machine.ts";
import { decimal, integer, percent, spreadText, table } from "./markdown.ts";
import type { Round } from "./measure.ts";
import { LOAD_CORE, SERVER_CORE } from "./processor.ts";
import { type RestingReport, restingText } from "./resting_report.ts";
import type { Api } from "./servers.ts";
import { type Spread, spread } from "./statistics.ts";

/** Everything that a run found out; docs/benchmarks.json holds it as it is. */
export interface Report {
  readonly machine: Machine;
  readonly plan: RoundPlan;
  /** What each workload's name stands for. */
  readonly workloads: Readonly<Record<string, string>>;
  readonly results: readonly Result[];
  /** Absent where it was not asked for. */
  readonly resting?: RestingReport;
}

const TITLES: Readonly<Record<Api, string>> = { rest: "REST", grpc: "gRPC" };
const CEILINGS: Readonly<Record<Api, string>> = {
  rest: "a bare `Deno.serve`",
  grpc: "bare grpc-js",
};
const TARGETS: Readonly<Record<Target, string>> = {
  ceiling: "ceiling",
  memory: "service, memory",
  near: "service, Redis and near cache",
  open: "near, without identity",
  quiet: "near, without metrics and logs",
  redis: "service, Redis",
  hono: "Hono + ioredis",
  webdis: "webdis",
};
/** With the core of the generator this busy, the server might have done more. */
const FULL_CORE = 0.9;

/** The report as Markdown, ratios first. */
export function markdown(report: Report): string {
  const apis = (["rest", "grpc"] as const).filter((api) =>
    report.results.some((result) => result.api === api)
  );
  const sections = [
    "# Benchmarks",
    introduction(report),
    "## Ratios",
    ...apis.flatMap((api) => [
      ceilingRatios(report, api),
      ...(api === "rest" ? [peers(report)] : []),
      nearRatios(report, api),
      costs(report, api),
    ]),
    "## Figures",
    legend(report.plan),
    ...apis.map((api) => figures(report, api)),
    ...(report.resting === undefined
      ? []
      : ["## At rest", restingText(report.resting, report.machine.deno)]),
  ];
  return sections.join("\n\n") + "\n";
}

function introduction({ machine, plan, results }: Report): string {
  const hasWebdis = results.some(({ target }) => target === "webdis");
  return [
    `Written by \`deno task bench\` on ${machine.date} at commit \`${machine.commit}\`: ` +
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.kernel}, ` +
    `Deno ${machine.deno}, Redis ${machine.redis}; load average before: ` +
    `${machine.loadBefore.toFixed(2)}.`,
    `The server has core ${SERVER_CORE} for itself; the load generator and Redis share core ` +
    `${LOAD_CORE}. Each of ${plan.rounds} rounds gives each server ${plan.roundSeconds} s in turn, ` +
    `${IN_FLIGHT} calls in flight. Shown are the median and, in brackets, the range of the rounds. ` +
    `Ratios are taken within a round, where both met the same machine: of requests/s, and, after ` +
    `"CPU", of the processor time that a request takes, so that more is better in both. The latter ` +
    `depends least on what else ran. Trust ratios before figures.`,
    "The service runs as shipped: every call carries a token, which it checks (HS256), is counted, and " +
    "has its line in the log. Traces and the sealing of values are off, as they are by default.",
    [
      "- **ceiling**: `Deno.serve`, or grpc-js, that reads the request and repeats an answer " +
      "recorded from the service, headers included; no routes, no JSON, no protobuf.",
      "- **Hono + ioredis**: the same routes on one pipelining connection, and nothing else: no " +
      "limits, timeouts, versions or order of writes.",
      hasWebdis
        ? "- **webdis**: Redis over HTTP in C, one worker; its values are text in base64, and its " +
          "miss is a 200."
        : "- **webdis** is missing: it was not installed.",
    ].join("\n"),
  ].join("\n\n");
}

/** Those that have a table of their own, since one workload alone has them. */
const VARIANTS: readonly Target[] = ["open", "quiet"];

function ceilingRatios(report: Report, api: Api): string {
  const targets = targetsOf(report, api)
    .filter((target) => target !== "ceiling" && !VARIANTS.includes(target));
  const rows = workloadsOf(report, api).map((workload) => [
    report.workloads[workload] ?? workload,
    ...targets.map((target) => ratioText(report, { api, workload, target, base: "ceiling" })),
  ]);
  return `### ${TITLES[api]}: requests/s as a share of ${CEILINGS[api]}\n\n` +
    table(["", ...targets.map((target) => TARGETS[target])], rows);
}

function peers(report: Report): string {
  const peers = targetsOf(report, "rest").filter((target) =>
    target === "hono" || target === "webdis"
  );
  const rows = workloadsOf(report, "rest").map((workload) => [
    report.workloads[workload] ?? workload,
    ...peers.map((base) => ratioText(report, { api: "rest", workload, target: "redis", base })),
  ]);
  return "### REST on Redis: requests/s of the service over those of others\n\n" +
    table(["", ...peers.map((peer) => `÷ ${TARGETS[peer]}`)], rows);
}

function nearRatios(report: Report, api: Api): string {
  const rows = workloadsOf(report, api).map((workload) => [
    report.workloads[workload] ?? workload,
    ratioText(report, { api, workload, target: "near", base: "redis" }),
  ]);
  return `### ${TITLES[api]}: requests/s with the near cache over those without\n\n` +
    table(["", "near cache ÷ Redis alone"], rows);
}

function costs(report: Report, api: Api): string {
  const rows = workloadsOf(report, api)
    .filter((workload) => targetsOf(report, api, workload).includes("open"))
    .map((workload) => [
      report.workloads[workload] ?? workload,
      ...(["open", "quiet"] as const).map((base) =>
        ratioText(report, { api, workload, target: "near", base })
      ),
    ]);
  return `### ${TITLES[api]}: requests/s of near hits as shipped over those without\n\n` +
    table(["", "identity", "metrics and logs"], rows);
}

function legend(plan: RoundPlan): string {
  return `Latencies are those of a saturated server with ${IN_FLIGHT} callers, not of a quiet one. ` +
    `"CPU/request" is the server's processor time; "busy" gives shares of a core for server, ` +
    `generator and Redis. In a row marked *, generator and Redis filled their core: the server ` +
    `could have done more. Where no core is full, other programs took the rest, or the server ` +
    `waited for its callers. Warm-up: ${plan.warmUpSeconds} s.`;
}

function figures(report: Report, api: Api): string {
  const rows = report.results.filter((result) => result.api === api).map((result) => {
    const { rounds } = result;
    const busy = (part: "server" | "load" | "redis"): number =>
      spread(rounds.map((round) => round.busy[part])).median;
    const full = busy("load") + busy("redis") > FULL_CORE;
    return [
      report.workloads[result.workload] ?? result.workload,
      TARGETS[result.target] + (full ? " *" : ""),
      spreadText(spread(rounds.map((round) => round.requestsPerSecond)), integer),
      spreadText(spread(rounds.map((round) => round.p50Ms)), decimal),
      spreadText(spread(rounds.map((round) => round.p99Ms)), decimal),
      `${integer(spread(rounds.map((round) => round.serverCpuUs)).median)} µs`,
      [busy("server"), busy("load"), busy("redis")].map(percent).join(" / "),
    ];
  });
  const head = ["", "server", "requests/s", "p50 ms", "p99 ms", "CPU/request", "busy"];
  return `### ${TITLES[api]}\n\n${table(head, rows)}`;
}

function ratioText(
  report: Report,
  options: {
    readonly api: Api;
    readonly workload: string;
    readonly target: Target;
    readonly base: Target;
  },
): string {
  const { api, workload, target, base } = options;
  const roundsOf = (of: Target): readonly Round[] =>
    report.results.find((r) => r.api === api && r.workload === workload && r.target === of)
      ?.rounds ?? [];
  const rounds = roundsOf(target);
  const bases = roundsOf(base);
  const ratio = (of: (round: Round) => number): Spread =>
    spread(rounds.map((round, i) => bases[i] === undefined ? NaN : of(round) / of(bases[i])));
  const byRate = ratio((round) => round.requestsPerSecond);
  const byCpu = ratio((round) => 1 / round.serverCpuUs);
  return `${spreadText(byRate, decimal)}, CPU ${decimal(byCpu.median)}`;
}

function targetsOf({ results }: Report, api: Api, workload?: string): Target[] {
  const some = results.filter((r) =>
    r.api === api && (workload === undefined || r.workload === workload)
  );
  return [...new Set(some.map(({ target }) => target))];
}

function workloadsOf({ results }: Report, api: Api): string[] {
  return [...new Set(results.filter((r) => r.api === api).map(({ workload }) => workload))];
}
