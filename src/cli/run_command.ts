import { type Command, command } from "./arguments.ts";
import { BATCH_GET } from "./batch_get_command.ts";
import { BENCH } from "./bench_command.ts";
import { runConfig } from "./config_command.ts";
import { DEL } from "./del_command.ts";
import { EXIT } from "./exit_code.ts";
import { GET } from "./get_command.ts";
import { HEALTH } from "./health_command.ts";
import { INVALIDATE } from "./invalidate_command.ts";
import { KEYGEN } from "./keygen_command.ts";
import { REWRAP } from "./rewrap_command.ts";
import { SET } from "./set_command.ts";
import { STATS } from "./stats_command.ts";
import { complain, print } from "./terminal.ts";
import { TOKEN } from "./token_command.ts";
import { VERSION_COMMAND } from "./version_command.ts";

// The service is loaded by the commands that run it: a health check has to be quick.
const COMMANDS: readonly Command[] = [
  command({
    name: "serve",
    about: "run the service; settings come from the environment (the default)",
    run: async () => (await import("./serve_command.ts")).runServe(),
  }),
  command({
    name: "dev",
    about: "run it for development: embedded store, no identity, loopback only",
    run: async () => (await import("./serve_command.ts")).runDev(),
  }),
  command({
    name: "config",
    about: "check the settings and print them without secrets",
    run: runConfig,
  }),
  HEALTH,
  GET,
  SET,
  DEL,
  BATCH_GET,
  INVALIDATE,
  STATS,
  BENCH,
  TOKEN,
  KEYGEN,
  REWRAP,
  VERSION_COMMAND,
];

/** Runs one subcommand; resolves with the process's exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const [name = "serve", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") {
    print(usage());
    return EXIT.done;
  }
  if (name === "--version") return await VERSION_COMMAND.run(rest);
  const command = COMMANDS.find((command) => command.name === name);
  if (command === undefined) {
    complain(`${JSON.stringify(name)} is not a command.\n\n${usage()}`);
    return EXIT.usage;
  }
  return await command.run(rest);
}

/** What `--help` says. */
export function usage(): string {
  const lines = COMMANDS.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`);
  return `usage: cache-service [COMMAND]\n\n${lines.join("\n")}\n\n` +
    "cache-service COMMAND --help tells more of a command.";
}
