import { type Command, command } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { complain, print } from "./terminal.ts";

const SERVE = command({
  name: "serve",
  about: "run the service; settings come from the environment (the default)",
  notes: `SIGTERM and SIGINT drain it, a second one ends it at once; SIGHUP reads key files and
certificates again; SIGUSR2 switches to the log level debug and back.

Examples:
  REDIS_ADDRESSES=redis:6379 AUTH_JWT_SECRET_FILE=jwt_secret cache-service serve
  CACHE_BACKEND=memory AUTH_ENABLED=false SERVER_HOST=127.0.0.1 cache-service serve`,
  run: async () => (await import("./serve_command.ts")).runServe(),
});

const DEV = command({
  name: "dev",
  about: "run it for development: embedded store, no identity, loopback only",
  notes: `Settings of the environment come first: with REDIS_ADDRESSES it caches there.

Examples:
  cache-service dev
  SERVER_HTTP_PORT=9000 cache-service dev`,
  run: async () => (await import("./serve_command.ts")).runDev(),
});

const CONFIG = command({
  name: "config",
  about: "check the settings and print them without secrets",
  notes: `Ends with 78 where the environment is faulty, and names every fault.

Example:
  (set -a; . ./production.env; exec cache-service config)`,
  run: async () => (await import("./config_command.ts")).runConfig(),
});

// Each is loaded by itself: the service has to start soon, and a health check has to be quick.
const COMMANDS = new Map<string, () => Command | Promise<Command>>([
  ["serve", () => SERVE],
  ["dev", () => DEV],
  ["config", () => CONFIG],
  ["health", async () => (await import("./health_command.ts")).HEALTH],
  ["get", async () => (await import("./get_command.ts")).GET],
  ["set", async () => (await import("./set_command.ts")).SET],
  ["del", async () => (await import("./del_command.ts")).DEL],
  ["batch-get", async () => (await import("./batch_get_command.ts")).BATCH_GET],
  ["invalidate", async () => (await import("./invalidate_command.ts")).INVALIDATE],
  ["stats", async () => (await import("./stats_command.ts")).STATS],
  ["bench", async () => (await import("./bench_command.ts")).BENCH],
  ["token", async () => (await import("./token_command.ts")).TOKEN],
  ["keygen", async () => (await import("./keygen_command.ts")).KEYGEN],
  ["rewrap", async () => (await import("./rewrap_command.ts")).REWRAP],
  ["version", async () => (await import("./version_command.ts")).VERSION_COMMAND],
]);

/** Runs one subcommand; resolves with the process's exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const [name = "serve", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") {
    print(await usage());
    return EXIT.done;
  }
  const load = COMMANDS.get(name === "--version" ? "version" : name);
  if (load === undefined) {
    complain(`${JSON.stringify(name)} is not a command.\n\n${await usage()}`);
    return EXIT.usage;
  }
  return await (await load()).run(rest);
}

/** What `--help` says. */
export async function usage(): Promise<string> {
  const commands = await Promise.all([...COMMANDS.values()].map((load) => load()));
  const lines = commands.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`);
  return `usage: cache-service [COMMAND]\n\n${lines.join("\n")}\n\n` +
    "cache-service COMMAND --help tells more of a command.";
}
