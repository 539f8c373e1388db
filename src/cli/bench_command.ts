import { integer, type Kind, Unparsable } from "../config/parsers.ts";
import { type Arguments, command } from "./arguments.ts";
import { CLIENT_OPTIONS, TOKEN_NOTE, withClient } from "./client.ts";
import { EXIT } from "./exit_code.ts";
import { Load, type LoadPlan, type Tally } from "./load.ts";
import { optionValue } from "./option_value.ts";
import { complain, print, showProgress } from "./terminal.ts";

const OPTIONS = {
  ...CLIENT_OPTIONS,
  seconds: { value: "N", about: "how long it calls; 10 by default" },
  connections: { value: "N", about: "calls under way at a time; 32 by default" },
  "value-bytes": { value: "N", about: "bytes of a value; 1024 by default" },
  reads: { value: "FRACTION", about: "calls that read, 0 to 1; 0.9 by default" },
  keys: { value: "N", about: "how many keys there are; 1000 by default" },
  namespace: { value: "NAME", about: "where they are; bench by default" },
  json: { about: "print the result as JSON" },
};
type BenchArguments = Arguments<keyof typeof OPTIONS>;

/** Measures a running service. */
export const BENCH = command({
  name: "bench",
  about: "put load on a running service and print how fast it answers",
  options: OPTIONS,
  notes:
    `It writes the keys bench-0, bench-1 and so on, which expire a minute after it ends, and then
reads and writes them at random over REST. It measures itself as well: where the client is the
slower of the two, and on one machine it often is, the numbers are its own. Ends with 1 or 69 where
calls failed. ${TOKEN_NOTE}

Example:
  CACHE_SERVICE_TOKEN="$(cat token)" cache-service bench --seconds 30 --reads 0.5`,
  run: runBench,
});

const fraction: Kind<number> = {
  parse(text): number | Unparsable {
    const value = /^\d?(\.\d{1,9})?$/.test(text) && text !== "" ? Number(text) : NaN;
    return value >= 0 && value <= 1 ? value : new Unparsable("a number from 0 to 1");
  },
  print: (value) => value,
};

const PROGRESS_SECONDS = 0.5;

async function runBench(args: BenchArguments): Promise<number> {
  const plan = planOf(args);
  return await withClient(args, async (client) => {
    const load = new Load(client, plan);
    const seconds = await drive(load, plan);
    print(args.has("json") ? jsonReport(load, plan, seconds) : table(load, seconds));
    const { firstFailure } = load;
    if (firstFailure === undefined) return EXIT.done;
    complain(
      `${load.get.failed + load.set.failed} calls failed. The first: ${firstFailure.message}`,
    );
    return firstFailure.exitCode;
  });
}

function planOf(args: BenchArguments): LoadPlan {
  const count = (name: keyof typeof OPTIONS, min: number, max: number): number | undefined =>
    optionValue(args, name, integer({ min, max }));
  return {
    namespace: args.value("namespace") ?? "bench",
    seconds: count("seconds", 1, 86_400) ?? 10,
    connections: count("connections", 1, 1024) ?? 32,
    valueBytes: count("value-bytes", 0, 536_870_912) ?? 1024,
    reads: optionValue(args, "reads", fraction) ?? 0.9,
    keys: count("keys", 1, 10_000_000) ?? 1000,
  };
}

/** Fills and runs it with a line of progress; resolves with the seconds it took. */
async function drive(load: Load, { seconds, keys }: LoadPlan): Promise<number> {
  showProgress(`writing ${keys} keys`);
  let nextAt = PROGRESS_SECONDS;
  try {
    await load.fill();
    return await load.run((elapsed) => {
      if (elapsed < nextAt) return;
      nextAt = elapsed + PROGRESS_SECONDS;
      const answered = load.get.latencies.count + load.set.latencies.count;
      const rate = Math.round(answered / elapsed);
      const failed = load.get.failed + load.set.failed;
      showProgress(`${elapsed.toFixed(1)} of ${seconds} s, ${rate} req/s, ${failed} failed`);
    });
  } finally {
    showProgress("");
  }
}

const OPERATIONS = ["get", "set"] as const;

function jsonReport(load: Load, plan: LoadPlan, seconds: number): string {
  const operations = OPERATIONS.map((name) => [name, numbers(load[name], seconds)]);
  return JSON.stringify({
    seconds: rounded(seconds),
    connections: plan.connections,
    value_bytes: plan.valueBytes,
    reads: plan.reads,
    keys: plan.keys,
    namespace: plan.namespace,
    operations: Object.fromEntries(operations),
  });
}

function table(load: Load, seconds: number): string {
  const header = ["", "requests", "misses", "failed", "req/s", "p50", "p90", "p99", "max (ms)"];
  const rows = OPERATIONS.map((name) => {
    const { requests, misses, failed, per_second, p50_ms, p90_ms, p99_ms, max_ms } = numbers(
      load[name],
      seconds,
    );
    const counts = [requests, misses, failed, Math.round(per_second)].map(String);
    return [name, ...counts, ...[p50_ms, p90_ms, p99_ms, max_ms].map((ms) => ms.toFixed(2))];
  });
  const lines = [header, ...rows];
  const widths = header.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines.map((line) => line.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("  "))
    .join("\n");
}

/** Requests are those that were answered, misses among them; latencies are theirs. */
interface Numbers {
  readonly requests: number;
  readonly misses: number;
  readonly failed: number;
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

function numbers({ latencies, misses, failed }: Tally, seconds: number): Numbers {
  return {
    requests: latencies.count,
    misses,
    failed,
    per_second: rounded(latencies.count / seconds),
    p50_ms: rounded(latencies.quantileMs(0.5)),
    p90_ms: rounded(latencies.quantileMs(0.9)),
    p99_ms: rounded(latencies.quantileMs(0.99)),
    max_ms: rounded(latencies.maxMs),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
