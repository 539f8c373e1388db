import { type Arguments, command } from "./arguments.ts";
import { batchGet } from "./batch_get_command.ts";
import { type Client, CLIENT_OPTIONS, ClientFailure, TOKEN_NOTE, withClient } from "./client.ts";
import { entryPath, hasNoPath } from "./entry_path.ts";
import { EXIT } from "./exit_code.ts";
import { print, printBytes } from "./terminal.ts";

const OPTIONS = {
  ...CLIENT_OPTIONS,
  json: { about: "print the answer of the service, with the value in base64" },
};

/** Reads an entry of a running service. */
export const GET = command({
  name: "get",
  about: "print the value of a key of a running service",
  positionals: ["NAMESPACE", "KEY"],
  options: OPTIONS,
  notes: `The value goes to standard output as it is. Ends with 1 where there is none. ${TOKEN_NOTE}

Examples:
  cache-service get users 17
  cache-service get users picture/17 > picture.png`,
  run: runGet,
});

interface Entry {
  readonly namespace: string;
  readonly key: string;
}

function runGet(args: Arguments<keyof typeof OPTIONS>): Promise<number> {
  const [namespace = "", key = ""] = args.positionals;
  const asJson = args.has("json");
  const entry = { namespace, key };
  return withClient(args, async (client) => {
    try {
      if (hasNoPath(key)) await getByBatch(client, entry, { asJson });
      else await get(client, entry, { asJson });
    } catch (error) {
      if (!asJson || !(error instanceof ClientFailure) || error.code !== MISS) throw error;
      print('{"found":false}');
      return EXIT.failed;
    }
    return EXIT.done;
  });
}

const MISS = "key_not_found";

async function get(
  client: Client,
  { namespace, key }: Entry,
  { asJson }: { readonly asJson: boolean },
): Promise<void> {
  const headers = { Accept: asJson ? "application/json" : "application/octet-stream" };
  const answer = await client.call(entryPath(namespace, key), { headers });
  if (asJson) print(new TextDecoder().decode(answer));
  else await printBytes(answer);
}

async function getByBatch(
  client: Client,
  { namespace, key }: Entry,
  { asJson }: { readonly asJson: boolean },
): Promise<void> {
  const [result] = await batchGet(client, { namespace, keys: [key] });
  const value = result?.value;
  if (value === undefined) {
    const code = result?.error ?? MISS;
    throw new ClientFailure(`The key was not read (${code}).`, EXIT.failed, { code });
  }
  if (asJson) print(JSON.stringify({ found: true, value }));
  else await printBytes(Uint8Array.fromBase64(value));
}
