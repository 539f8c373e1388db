import { z } from "zod";
import { type Kind, ttl, type Unparsable } from "../config/parsers.ts";
import { parseAnswer } from "./answer.ts";
import { type Arguments, command, UsageError } from "./arguments.ts";
import { type Client, CLIENT_OPTIONS, ClientFailure, TOKEN_NOTE, withClient } from "./client.ts";
import { entryPath, hasNoPath, namespacePath } from "./entry_path.ts";
import { EXIT } from "./exit_code.ts";
import { optionValue } from "./option_value.ts";
import { print } from "./terminal.ts";

const OPTIONS = {
  ...CLIENT_OPTIONS,
  ttl: { value: "DURATION", about: "how long it stays, such as 60s, 1h or 60 (seconds)" },
  encrypt: { about: "seal the value" },
  json: { about: "print the answer of the service" },
};

/** Writes an entry to a running service. */
export const SET = command({
  name: "set",
  about: "store a value under a key of a running service",
  positionals: ["NAMESPACE", "KEY", "[VALUE]"],
  options: OPTIONS,
  notes: `Without VALUE it is what standard input holds: an argument can be seen in the list of
processes. One that begins with - stands after --. Without --ttl the service decides. ${TOKEN_NOTE}

Examples:
  cache-service set users 17 '{"name":"Ada"}' --ttl 10m
  cache-service set users picture/17 < picture.png
  cache-service set counters balance -- -5`,
  run: runSet,
});

interface Write {
  readonly namespace: string;
  readonly key: string;
  readonly value: Uint8Array<ArrayBuffer>;
  /** Undefined for the service's default. */
  readonly ttlSeconds: number | undefined;
  readonly encrypt: boolean;
}

/** A TTL, of which the unit may be left out. */
const ttlOrSeconds: Kind<number> = {
  parse: (text): number | Unparsable => ttl.parse(/^\d+$/.test(text) ? `${text}s` : text),
  print: ttl.print,
};

async function runSet(args: Arguments<keyof typeof OPTIONS>): Promise<number> {
  const [namespace = "", key = "", text] = args.positionals;
  const ttlSeconds = optionValue(args, "ttl", ttlOrSeconds);
  return await withClient(args, async (client) => {
    const value = text === undefined ? await readInput() : new TextEncoder().encode(text);
    const write = { namespace, key, value, ttlSeconds, encrypt: args.has("encrypt") };
    const answer = await (hasNoPath(key) ? setByBatch(client, write) : set(client, write));
    const { success, degraded } = parseAnswer(schema, answer);
    if (!success) throw new ClientFailure("The value was not stored.", EXIT.unavailable);
    if (args.has("json")) print(new TextDecoder().decode(answer));
    else print(degraded ? "stored, and owed to Redis until it is back" : "stored");
    return EXIT.done;
  });
}

const schema = z.object({ success: z.boolean(), degraded: z.boolean().optional() });

function set(
  client: Client,
  { namespace, key, value, ttlSeconds, encrypt }: Write,
): Promise<Uint8Array> {
  const query = new URLSearchParams({ encrypt: String(encrypt) });
  if (ttlSeconds !== undefined) query.set("ttl_seconds", String(ttlSeconds));
  return client.call(`${entryPath(namespace, key)}?${query}`, {
    method: "PUT",
    headers: { "Content-Type": "application/octet-stream" },
    body: value,
  });
}

function setByBatch(
  client: Client,
  { namespace, key, value, ttlSeconds, encrypt }: Write,
): Promise<Uint8Array> {
  return client.call(namespacePath(namespace, "batch/set"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      entries: { [key]: value.toBase64() },
      ttl_seconds: ttlSeconds,
      encrypt,
    }),
  });
}

/** More than any service takes, so that input without end is not read for ever. */
const MAX_INPUT_BYTES = 512 * 1024 * 1024;

async function readInput(): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of Deno.stdin.readable) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_INPUT_BYTES) {
      throw new UsageError(
        `A value has at most ${MAX_INPUT_BYTES} bytes; standard input has more.`,
      );
    }
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
