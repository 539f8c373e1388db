import { type Arguments, command } from "./arguments.ts";
import { type Client, CLIENT_OPTIONS, TOKEN_NOTE, withClient } from "./client.ts";
import { namespacePath } from "./entry_path.ts";
import { EXIT } from "./exit_code.ts";
import { print } from "./terminal.ts";

const OPTIONS = {
  ...CLIENT_OPTIONS,
  update: { about: "let the event say update rather than delete; the next read is a miss too" },
  json: { about: "print the answer of the service" },
};

/** Has a running service tell every replica that the origin of some keys has changed. */
export const INVALIDATE = command({
  name: "invalidate",
  about: "publish that the origin of some keys of a namespace has changed",
  positionals: ["NAMESPACE", "KEY..."],
  options: OPTIONS,
  notes:
    `The next read of each key is a miss. Takes a token with the scope cache:admin. ${TOKEN_NOTE}

Example:
  CACHE_SERVICE_TOKEN="$(cat token)" cache-service invalidate users 17 18`,
  run: runInvalidate,
});

function runInvalidate(args: Arguments<keyof typeof OPTIONS>): Promise<number> {
  const [namespace = "", ...keys] = args.positionals;
  const action = args.has("update") ? "update" : "delete";
  return withClient(args, async (client) => {
    const answer = await invalidate(client, { namespace, keys, action });
    print(args.has("json") ? answer : `${namespace}: ${keys.length} invalidated`);
    return EXIT.done;
  });
}

async function invalidate(
  client: Client,
  { namespace, ...body }: {
    readonly namespace: string;
    readonly keys: readonly string[];
    readonly action: "delete" | "update";
  },
): Promise<string> {
  const path = namespacePath(namespace, "invalidate");
  const answer = await client.call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return new TextDecoder().decode(answer);
}
