import { type Config, ConfigFaults } from "../config.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import type { TlsFiles } from "../core/tls_files.ts";
import { openTlsFiles } from "../system/tls_pair.ts";

/** What the servers show to clients, where TLS is on. Rejects with `ConfigFaults`. */
export async function openTls(
  { server: { tlsCertFile, tlsKeyFile } }: Config,
  parts: { readonly clock: Clock; readonly logger: Logger },
): Promise<TlsFiles | undefined> {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  try {
    return await openTlsFiles({ certFile: tlsCertFile, keyFile: tlsKeyFile }, parts);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown error";
    throw new ConfigFaults([`SERVER_TLS_CERT_FILE cannot be used: ${reason}`]);
  }
}
