import type { Config } from "../config.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { fileKeys, fixedKeys, type KeySource } from "../crypto/key_source.ts";

/** The keys that seal values. Rejects as `openIdentity` does. */
export async function openKeys(
  { auth: { encryptionKeys, encryptionKeyFile } }: Config,
  parts: { readonly clock: Clock; readonly logger: Logger; readonly onRemoved: () => void },
): Promise<KeySource> {
  if (encryptionKeyFile === undefined) return await fixedKeys(encryptionKeys);
  return await fileKeys(encryptionKeyFile, parts);
}
