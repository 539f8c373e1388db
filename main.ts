import { runCommand } from "./src/cli/run_command.ts";

Deno.exit(await runCommand(Deno.args));
