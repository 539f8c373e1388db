import { type Config, ConfigFaults, parseConfig } from "../config.ts";

/** The environment read as settings, and what is odd about it; or everything that is wrong. */
export function loadConfig(
  env: Readonly<Record<string, string>>,
): { config: Config; warnings: readonly string[] } | ConfigFaults {
  const cgroupMemoryLimitBytes = cgroupMemoryLimit();
  return parseConfig(env, {
    readFile: (path) => Deno.readTextFileSync(path),
    ...(cgroupMemoryLimitBytes === undefined ? {} : { cgroupMemoryLimitBytes }),
  });
}

/** The message for standard error that names every fault. */
export function faultMessage(faults: ConfigFaults): string {
  return `The configuration is faulty:\n${faults.faults.map((fault) => `  - ${fault}`).join("\n")}`;
}

/**
 * The memory this container may use in bytes (cgroup v2 `memory.max`, cgroup v1
 * `memory.limit_in_bytes`), or nothing where there is no limit.
 */
function cgroupMemoryLimit(): number | undefined {
  for (const path of ["memory.max", "memory/memory.limit_in_bytes"]) {
    try {
      const bytes = Number(Deno.readTextFileSync(`/sys/fs/cgroup/${path}`));
      // Version 1 says "no limit" by a number near 2^63.
      if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
    } catch {
      // Not this version of cgroups, or none at all.
    }
  }
  return undefined;
}
