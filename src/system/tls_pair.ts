import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { TlsFiles, type TlsPair } from "../core/tls_files.ts";
import { parseCertificates } from "./certificates.ts";

/** Paths of PEM files. */
export interface TlsPaths {
  readonly certFile: string;
  readonly keyFile: string;
}

const LOOK_EVERY_MS = 10_000;

/**
 * Opens the certificate of the servers and follows its files; close it last. Rejects where a file
 * cannot be read or the two do not go together; later on that is a warning, and the last pair stays.
 */
export async function openTlsFiles(
  paths: TlsPaths,
  { clock, logger, everyMs = LOOK_EVERY_MS }: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly everyMs?: number;
  },
): Promise<TlsFiles> {
  const initial = await readTlsPair(paths);
  const files = new TlsFiles({
    read: () => readPair(paths),
    initial,
    check: checkPair,
    onFailure: (error) =>
      logger.warn("The TLS files cannot be used; the servers keep the certificate they have.", {
        error: error instanceof Error ? error.message : String(error),
      }),
    clock,
    everyMs,
  });
  files.onChange(({ certificatePem }) =>
    logger.info("The servers use a new TLS certificate.", {
      valid_to: new X509Certificate(certificatePem).validTo,
    })
  );
  return files;
}

/** Rejects where a file cannot be read or the two do not go together. */
export async function readTlsPair(paths: TlsPaths): Promise<TlsPair> {
  const pair = await readPair(paths);
  checkPair(pair);
  return pair;
}

async function readPair({ certFile, keyFile }: TlsPaths): Promise<TlsPair> {
  const [certificatePem, keyPem] = await Promise.all([
    Deno.readTextFile(certFile),
    Deno.readTextFile(keyFile),
  ]);
  return { certificatePem, keyPem };
}

/** Throws where a server could not serve with the pair: TLS itself would fail call by call. */
function checkPair({ certificatePem, keyPem }: TlsPair): void {
  const [leaf] = parseCertificates(certificatePem);
  let matches: boolean;
  try {
    matches = leaf.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    // The library's message may quote the key.
    throw new Error("The key file holds no private key in PEM without a passphrase.");
  }
  if (!matches) throw new Error("The private key is not that of the certificate.");
}
