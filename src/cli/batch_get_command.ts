import { z } from "zod";
import { parseAnswer } from "./answer.ts";
import { type Arguments, command } from "./arguments.ts";
import { type Client, CLIENT_OPTIONS, TOKEN_NOTE, withClient } from "./client.ts";
import { namespacePath } from "./entry_path.ts";
import { EXIT } from "./exit_code.ts";
import { print } from "./terminal.ts";

const OPTIONS = {
  ...CLIENT_OPTIONS,
  json: { about: "print a JSON object a line, with values in base64" },
};

/** Reads several entries of a running service. */
export const BATCH_GET = command({
  name: "batch-get",
  about: "print the values of several keys of a running service",
  positionals: ["NAMESPACE", "KEY..."],
  options: OPTIONS,
  notes:
    `A line for each key, in their order: the key and the value, as JSON strings where the value
is text. Ends with 1 where a key is missing or cannot be read. ${TOKEN_NOTE}

Example:
  cache-service batch-get users 17 18 --json`,
  run: runBatchGet,
});

function runBatchGet(args: Arguments<keyof typeof OPTIONS>): Promise<number> {
  const [namespace = "", ...keys] = args.positionals;
  return withClient(args, async (client) => {
    const results = await batchGet(client, { namespace, keys });
    const lineOf = args.has("json") ? jsonLine : textLine;
    print(results.map(lineOf).join("\n"));
    return results.every(({ value }) => value !== undefined) ? EXIT.done : EXIT.failed;
  });
}

/** What a batch tells of a key: its value in base64, or why there is none, or that it is missing. */
export interface BatchResult {
  readonly key: string;
  readonly value: string | undefined;
  readonly error: string | undefined;
}

// Not a record: that would lose the key `__proto__`.
const members = z.custom<Readonly<Record<string, unknown>>>((value) =>
  typeof value === "object" && value !== null && !Array.isArray(value)
);
const schema = z.object({ values: members, errors: members.optional() });

/** Reads `keys`; a result for each, in their order. Throws `ClientFailure`. */
export async function batchGet(
  client: Client,
  { namespace, keys }: { readonly namespace: string; readonly keys: readonly string[] },
): Promise<readonly BatchResult[]> {
  const answer = await client.call(namespacePath(namespace, "batch/get"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ keys }),
  });
  const { values, errors = {} } = parseAnswer(schema, answer);
  return keys.map((key) => ({ key, value: text(values, key), error: text(errors, key) }));
}

function text(members: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const member = Object.hasOwn(members, key) ? members[key] : undefined;
  return typeof member === "string" ? member : undefined;
}

function jsonLine({ key, value, error }: BatchResult): string {
  return JSON.stringify({ key, found: value !== undefined, value, error });
}

function textLine({ key, value, error }: BatchResult): string {
  const shown = value === undefined ? error ?? "missing" : shownValue(Uint8Array.fromBase64(value));
  return `${JSON.stringify(key)}  ${shown}`;
}

function shownValue(value: Uint8Array): string {
  try {
    return JSON.stringify(new TextDecoder("utf-8", { fatal: true }).decode(value));
  } catch {
    return `${value.length} bytes that are no text`;
  }
}
