import process from "node:process";
import { contentFaults } from "../app/content_faults.ts";
import { type Config, ConfigFaults, parseConfig } from "../config.ts";

/**
 * The environment read as settings, and what is odd about it; or everything that is wrong, also with
 * what the files hold.
 */
export async function loadConfig(
  env: Readonly<Record<string, string>>,
): Promise<{ config: Config; warnings: readonly string[] } | ConfigFaults> {
  const cgroupMemoryLimitBytes = cgroupMemoryLimit();
  const parsed = parseConfig(env, {
    readFile: (path) => Deno.readTextFileSync(path),
    ...(cgroupMemoryLimitBytes === undefined ? {} : { cgroupMemoryLimitBytes }),
  });
  const { faults, config } = parsed instanceof ConfigFaults
    ? { faults: parsed.faults, config: parsed.sound }
    : { faults: [], config: parsed.config };
  const contents = await contentFaults(config);
  return contents.length === 0 ? parsed : new ConfigFaults([...faults, ...contents], config);
}

/** The message for standard error that names every fault. */
export function faultMessage(faults: ConfigFaults): string {
  return `The configuration is faulty:\n${faults.faults.map((fault) => `  - ${fault}`).join("\n")}`;
}

/**
 * The memory this container may use in bytes, or nothing where there is no limit or Deno (before 2.9)
 * cannot tell. Its files below /sys/fs/cgroup may be read with all permissions only.
 */
function cgroupMemoryLimit(): number | undefined {
  const bytes = process.constrainedMemory?.();
  // Version 1 of cgroups says "no limit" by a number near 2^63, others by 0.
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
