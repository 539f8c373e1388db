import { runConfig } from "./config_command.ts";
import { EXIT } from "./exit_code.ts";
import { runDev, runServe } from "./serve_command.ts";
import { complain, print } from "./terminal.ts";
import { VERSION } from "./version.ts";

interface CommandLine {
  readonly about: string;
  run(): number | Promise<number>;
}

const COMMANDS: ReadonlyMap<string, CommandLine> = new Map([
  ["serve", {
    about: "run the service; settings come from the environment (the default)",
    run: runServe,
  }],
  ["dev", {
    about: "run it for development: embedded store, no identity, loopback only",
    run: runDev,
  }],
  ["config", { about: "check the settings and print them without secrets", run: runConfig }],
  ["version", { about: "print the version", run: printVersion }],
]);

/** Runs one subcommand; resolves with the process's exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const [name = "serve", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") return answer(usage());
  if (name === "--version") return printVersion();
  const command = COMMANDS.get(name);
  if (command === undefined) return refuse(`${JSON.stringify(name)} is not a command.`);
  if (rest.includes("--help") || rest.includes("-h")) {
    return answer(`usage: cache-service ${name}\n\n${command.about}`);
  }
  if (rest.length > 0) return refuse(`${name} takes no argument; ${rest.length} were given.`);
  return await command.run();
}

function usage(): string {
  const lines = [...COMMANDS].map(([name, { about }]) => `  ${name.padEnd(8)} ${about}`);
  return `usage: cache-service [COMMAND]\n\n${lines.join("\n")}`;
}

function printVersion(): number {
  return answer(`cache-service ${VERSION} (Deno ${Deno.version.deno})`);
}

function answer(text: string): number {
  print(text);
  return EXIT.done;
}

function refuse(reason: string): number {
  complain(`${reason}\n\n${usage()}`);
  return EXIT.usage;
}
