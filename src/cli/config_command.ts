import { ConfigFaults, describeConfig } from "../config.ts";
import { EXIT } from "./exit_code.ts";
import { faultMessage, loadConfig } from "./load_config.ts";
import { complain, print } from "./terminal.ts";

/** Checks the environment and prints every setting as JSON, secrets redacted. */
export async function runConfig(): Promise<number> {
  const loaded = await loadConfig(Deno.env.toObject());
  if (loaded instanceof ConfigFaults) {
    complain(faultMessage(loaded));
    return EXIT.configuration;
  }
  for (const warning of loaded.warnings) complain(`warning: ${warning}`);
  print(JSON.stringify(describeConfig(loaded.config), undefined, 2));
  return EXIT.done;
}
