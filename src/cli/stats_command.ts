import { z } from "zod";
import { parseAnswer } from "./answer.ts";
import { type Arguments, command } from "./arguments.ts";
import { CLIENT_OPTIONS, TOKEN_NOTE, withClient } from "./client.ts";
import { EXIT } from "./exit_code.ts";
import { print } from "./terminal.ts";

const OPTIONS = { ...CLIENT_OPTIONS, json: { about: "print the answer of the service" } };

/** Prints the metrics of a running service. */
export const STATS = command({
  name: "stats",
  about: "print what a running service counts and measures",
  options: OPTIONS,
  notes:
    `Times are in seconds. Takes a token with the scope cache:admin. Where METRICS_PORT is set, the
URL is one of that port. ${TOKEN_NOTE}

Example:
  CACHE_SERVICE_TOKEN="$(cat token)" cache-service stats --json`,
  run: runStats,
});

const summary = z.object({
  count: z.number(),
  sum: z.number(),
  p50: z.number().optional(),
  p99: z.number().optional(),
});
const schema = z.record(
  z.string(),
  z.union([z.number(), z.record(z.string(), z.union([z.number(), summary]))]),
);

function runStats(args: Arguments<keyof typeof OPTIONS>): Promise<number> {
  return withClient(args, async (client) => {
    const text = new TextDecoder().decode(await client.call("/api/v1/admin/stats"));
    print(
      args.has("json") ? text : table(parseAnswer(schema, text)) ||
        "The service counts nothing: METRICS_ENABLED is false.",
    );
    return EXIT.done;
  });
}

/** A line for each number: the metric, its labels, the value. */
function table(stats: z.infer<typeof schema>): string {
  const rows = Object.entries(stats).flatMap(([name, values]) =>
    typeof values === "number"
      ? [[name, "", String(values)]]
      : Object.entries(values).map(([labels, value]) => [name, labels, asText(value)])
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd())
    .join("\n");
}

function asText(value: number | z.infer<typeof summary>): string {
  if (typeof value === "number") return String(value);
  const { count, p50, p99 } = value;
  const quantiles = [["p50", p50], ["p99", p99]].filter(([, bound]) => bound !== undefined);
  return [`count ${count}`, ...quantiles.map(([name, bound]) => `${name} ≤ ${bound}`)].join("  ");
}
