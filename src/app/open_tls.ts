import type { Config } from "../config.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import type { TlsFiles } from "../core/tls_files.ts";
import { openTlsFiles } from "../system/tls_pair.ts";

/** What the servers show to clients, where TLS is on. Rejects as `openIdentity` does. */
export async function openTls(
  { server: { tlsCertFile, tlsKeyFile } }: Config,
  parts: { readonly clock: Clock; readonly logger: Logger },
): Promise<TlsFiles | undefined> {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  return await openTlsFiles({ certFile: tlsCertFile, keyFile: tlsKeyFile }, parts);
}
