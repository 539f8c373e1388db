import { AnonymousVerifier } from "../auth/anonymous_verifier.ts";
import { fetchJwks } from "../auth/jwks_fetch.ts";
import { JwksKeys } from "../auth/jwks_keys.ts";
import { JwtVerifier } from "../auth/jwt_verifier.ts";
import { PemKeys } from "../auth/pem_keys.ts";
import { SecretKeys } from "../auth/secret_keys.ts";
import type { SigningKeys } from "../auth/signing_keys.ts";
import type { RefusalReason } from "../auth/token_refusal.ts";
import type { Verifier } from "../auth/verifier.ts";
import type { Config } from "../config.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";

/** Who lets callers in, and by which keys. */
export interface Identity {
  readonly verifier: Verifier;
  /** Looks for newer keys now. Never rejects. */
  look(): Promise<void>;
  close(): void;
}

/** Who lets callers in. Rejects where a file has changed since `contentFaults` found no fault in it. */
export async function openIdentity(
  { auth }: Config,
  { onFailure, ...parts }: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly onFailure: (reason: RefusalReason) => void;
  },
): Promise<Identity> {
  if (!auth.enabled) {
    return { verifier: new AnonymousVerifier(), look: () => Promise.resolve(), close: () => {} };
  }
  const keys = await openSigningKeys(auth, parts);
  const verifier = new JwtVerifier({
    keys,
    clock: parts.clock,
    onFailure,
    ...(auth.jwtIssuer === undefined ? {} : { issuer: auth.jwtIssuer }),
    ...(auth.jwtAudience === undefined ? {} : { audience: auth.jwtAudience }),
  });
  return { verifier, look: () => keys.look(), close: () => keys.close() };
}

async function openSigningKeys(
  { jwtSecret, jwtPublicKeyFile, jwksUrl }: Config["auth"],
  parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): Promise<SigningKeys> {
  if (jwtSecret !== undefined) return new SecretKeys(jwtSecret);
  if (jwksUrl !== undefined) {
    const { clock } = parts;
    return new JwksKeys({ ...parts, load: (signal) => fetchJwks(jwksUrl, { clock, signal }) });
  }
  return await PemKeys.open({ ...parts, read: () => Deno.readTextFile(jwtPublicKeyFile ?? "") });
}
