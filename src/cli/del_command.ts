import { z } from "zod";
import { parseAnswer } from "./answer.ts";
import { type Arguments, command, UsageError } from "./arguments.ts";
import { CLIENT_OPTIONS, TOKEN_NOTE, withClient } from "./client.ts";
import { entryPath, hasNoPath } from "./entry_path.ts";
import { EXIT } from "./exit_code.ts";
import { print } from "./terminal.ts";

const OPTIONS = { ...CLIENT_OPTIONS, json: { about: "print the answer of the service" } };

/** Deletes an entry of a running service. */
export const DEL = command({
  name: "del",
  about: "delete a key of a running service",
  positionals: ["NAMESPACE", "KEY"],
  options: OPTIONS,
  notes: `Ends with 0 also where there was nothing to delete. ${TOKEN_NOTE}

Example:
  cache-service del users 17`,
  run: runDel,
});

const schema = z.object({ deleted: z.boolean() });

async function runDel(args: Arguments<keyof typeof OPTIONS>): Promise<number> {
  const [namespace = "", key = ""] = args.positionals;
  if (hasNoPath(key)) {
    throw new UsageError(
      "No path leads to a key of one or two dots; gRPC deletes it, and `invalidate` does.",
    );
  }
  return await withClient(args, async (client) => {
    const answer = await client.call(entryPath(namespace, key), { method: "DELETE" });
    const { deleted } = parseAnswer(schema, answer);
    if (args.has("json")) print(new TextDecoder().decode(answer));
    else print(deleted ? "deleted" : "there was nothing");
    return EXIT.done;
  });
}
