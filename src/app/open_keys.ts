import { type Config, ConfigFaults } from "../config.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { fileKeys, fixedKeys, type KeySource } from "../crypto/key_source.ts";

/** The keys that seal values. Rejects with `ConfigFaults`. */
export async function openKeys(
  { auth: { encryptionKeys, encryptionKeyFile } }: Config,
  parts: { readonly clock: Clock; readonly logger: Logger; readonly onRemoved: () => void },
): Promise<KeySource> {
  try {
    if (encryptionKeyFile === undefined) return await fixedKeys(encryptionKeys);
    return await fileKeys(encryptionKeyFile, parts);
  } catch (error) {
    const name = encryptionKeyFile === undefined
      ? "AUTH_ENCRYPTION_KEY"
      : "AUTH_ENCRYPTION_KEY_FILE";
    const reason = error instanceof Error ? error.message : "unknown error";
    throw new ConfigFaults([`${name} cannot be used: ${reason}`]);
  }
}
