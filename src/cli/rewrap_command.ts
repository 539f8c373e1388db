import { z } from "zod";
import { parseAnswer } from "./answer.ts";
import { type Arguments, command } from "./arguments.ts";
import {
  type Client,
  CLIENT_OPTIONS,
  ClientFailure,
  problem,
  problemFailure,
  TOKEN_NOTE,
  withClient,
} from "./client.ts";
import { EXIT } from "./exit_code.ts";
import { print, showProgress } from "./terminal.ts";

const OPTIONS = {
  ...CLIENT_OPTIONS,
  json: { about: "print what the service sends, a JSON object a line" },
};

/** Has a running service seal a namespace under its primary key. */
export const REWRAP = command({
  name: "rewrap",
  about: "seal a namespace's entries under the primary encryption key of a running service",
  positionals: ["NAMESPACE"],
  options: OPTIONS,
  notes:
    `Takes a token with the scope cache:admin. Where METRICS_PORT is set, the URL is one of that
port. ${TOKEN_NOTE}

Nothing is left under an older key when a run, begun after every replica has the new key, ends with
0 rewrapped and 0 failed. Ends with 1 where entries failed or are invalid.

Example:
  CACHE_SERVICE_TOKEN="$(cat token)" cache-service rewrap sessions --url https://cache.example`,
  run: runRewrap,
});

function runRewrap(args: Arguments<keyof typeof OPTIONS>): Promise<number> {
  const [namespace = ""] = args.positionals;
  return withClient(args, (client) => rewrap(client, { namespace, asJson: args.has("json") }));
}

const count = z.number();
const lineSchema = z.object({
  scanned: count,
  rewrapped: count,
  current: count,
  plain: count,
  invalid: count,
  failed: count,
  superseded: count,
  done: z.boolean().optional(),
  error: problem.optional(),
});
type Line = z.infer<typeof lineSchema>;

async function rewrap(
  client: Client,
  { namespace, asJson }: { readonly namespace: string; readonly asJson: boolean },
): Promise<number> {
  const path = `/api/v1/admin/rewrap/${encodeURIComponent(namespace)}`;
  let last: Line | undefined;
  try {
    for await (const text of client.lines(path, { method: "POST" })) {
      last = parseAnswer(lineSchema, text);
      if (asJson) print(text);
      else showProgress(`${last.scanned} scanned, ${last.rewrapped} rewrapped`);
    }
  } finally {
    if (!asJson) showProgress("");
  }
  if (last !== undefined && !asJson) print(summary(last, namespace));
  if (last?.error !== undefined) throw problemFailure(last.error);
  if (last?.done !== true) {
    throw new ClientFailure("The service went away before it was done.", EXIT.unavailable);
  }
  return last.failed + last.invalid === 0 ? EXIT.done : EXIT.failed;
}

function summary(line: Line, namespace: string): string {
  const { scanned, rewrapped, current, plain, superseded, failed, invalid } = line;
  return `${namespace}: ${scanned} scanned, ${rewrapped} rewrapped, ${current} current, ` +
    `${plain} plain, ${superseded} superseded, ${failed} failed, ${invalid} invalid`;
}
