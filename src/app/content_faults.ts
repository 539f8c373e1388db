import { readPublicKey } from "../auth/pem_keys.ts";
import type { Config } from "../config.ts";
import { importKeys } from "../crypto/key_ring.ts";
import { readKeyFile } from "../crypto/key_source.ts";
import { readAuthority } from "../system/authority.ts";
import { readTlsPair } from "../system/tls_pair.ts";

/**
 * All that is wrong with the contents of the files that the settings name, and with the keys in the
 * settings themselves; a line each, without a word of what is secret.
 */
export async function contentFaults(
  { auth, server, redis, broker }: Config,
): Promise<readonly string[]> {
  const { tlsCertFile: certFile, tlsKeyFile: keyFile } = server;
  const pair = certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
  const publicKeyFile = auth.enabled ? auth.jwtPublicKeyFile : undefined;
  const faults = await Promise.all([
    faultOf("SERVER_TLS_CERT_FILE", pair, readTlsPair),
    faultOf("REDIS_TLS_CA_FILE", redis.tlsCaFile, readAuthority),
    faultOf("BROKER_TLS_CA_FILE", broker.tlsCaFile, readAuthority),
    faultOf("AUTH_JWT_PUBLIC_KEY_FILE", publicKeyFile, readPublicKey),
    faultOf("AUTH_ENCRYPTION_KEY", auth.encryptionKeys, importKeys),
    faultOf("AUTH_ENCRYPTION_KEY_FILE", auth.encryptionKeyFile, readKeyFile),
  ]);
  return faults.filter((fault) => fault !== undefined);
}

async function faultOf<Input>(
  name: string,
  input: Input | undefined,
  read: (input: Input) => Promise<unknown>,
): Promise<string | undefined> {
  if (input === undefined) return undefined;
  try {
    await read(input);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown error";
    return `${name} cannot be used: ${reason}`;
  }
}
