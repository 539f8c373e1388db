import { command } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { print } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** Prints what this program was built from. */
export const VERSION_COMMAND = command({
  name: "version",
  about: "print the version, the commit of a built program, and Deno's version",
  options: { json: { about: "print it as JSON" } },
  notes: `Example:
  cache-service version --json`,
  run(args): number {
    const commit = buildCommit();
    const deno = Deno.version.deno;
    const origin = commit === undefined ? "" : `commit ${commit}, `;
    print(
      args.has("json")
        ? JSON.stringify({ version: VERSION, commit, deno })
        : `cache-service ${VERSION} (${origin}Deno ${deno})`,
    );
    return EXIT.done;
  },
});

/**
 * The commit that a compiled program was built from, by the file `dist/commit` embedded in it, or
 * nothing. From source a file of that name tells of an earlier build.
 */
function buildCommit(): string | undefined {
  if (!Deno.build.standalone) return undefined;
  try {
    const text = Deno.readTextFileSync(new URL("../../dist/commit", import.meta.url));
    return /^[0-9a-f]{7,64}/.exec(text)?.[0];
  } catch {
    return undefined;
  }
}
