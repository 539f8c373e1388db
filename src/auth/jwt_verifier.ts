import { compactVerify, type CryptoKey } from "jose";
import type { Clock } from "../core/clock.ts";
import type { Principal } from "../core/principal.ts";
import { checkTime, type Expected, type Identity, readClaims } from "./claims.ts";
import { bearerToken, type CompactToken, parseToken } from "./compact_token.ts";
import { jsonObject } from "./json_object.ts";
import type { SigningKeys } from "./signing_keys.ts";
import { TokenCache } from "./token_cache.ts";
import { KeysUnavailable, type RefusalReason, TokenRefusal } from "./token_refusal.ts";
import type { Verifier } from "./verifier.ts";

/** What a {@linkcode JwtVerifier} is built from; `issuer` and `audience` as tokens must have them. */
export interface JwtVerifierOptions extends Expected {
  readonly keys: SigningKeys;
  readonly clock: Clock;
  /** The most tokens that are remembered; default 10,000. */
  readonly maxTokens?: number;
  /** The most bytes that remembered tokens take, about; default 16 MiB. */
  readonly maxTokenCacheBytes?: number;
  /** Called once for each call that is not let in. */
  readonly onFailure?: (reason: RefusalReason) => void;
}

/**
 * Lets in who has a JWT (RFC 7519) that one of the keys signed; follows RFC 8725. A token that was
 * verified is remembered until it ends or the keys change, and is answered at once.
 */
export class JwtVerifier implements Verifier {
  readonly #options: JwtVerifierOptions;
  readonly #remembered: TokenCache;

  constructor(options: JwtVerifierOptions) {
    this.#options = options;
    this.#remembered = new TokenCache({
      maxEntries: options.maxTokens ?? 10_000,
      maxBytes: options.maxTokenCacheBytes ?? 16 * 1024 * 1024,
    });
  }

  /** Rejects with `unauthorized`, or `identity_unavailable` while no keys are known. */
  verify(authorization: string | undefined): Principal | Promise<Principal> {
    if (authorization !== undefined) {
      const { keys, clock } = this.#options;
      this.#remembered.enter(keys.epoch);
      const known = this.#remembered.get(authorization);
      if (known !== undefined) {
        const wallMs = clock.wallMs();
        if (wallMs < known.validUntilMs && wallMs >= known.validFromMs) return known.principal;
        this.#remembered.delete(authorization);
      }
    }
    return this.#verifyAnew(authorization);
  }

  async #verifyAnew(authorization: string | undefined): Promise<Principal> {
    const { keys, clock, onFailure } = this.#options;
    try {
      const token = parseToken(bearerToken(authorization), keys);
      // The epoch is read before the key is looked for. Else: the key is found; the key set drops
      // it; another call notices, and all remembered tokens are forgotten; the signature turns out
      // right; the token would be remembered in the new epoch, and outlive its key.
      const epoch = keys.epoch;
      const identity = await this.#identity(token);
      checkTime(identity, clock.wallMs());
      if (authorization !== undefined && epoch === keys.epoch) {
        this.#remembered.set(authorization, identity);
      }
      return identity.principal;
    } catch (error) {
      if (error instanceof TokenRefusal || error instanceof KeysUnavailable) {
        onFailure?.(error.reason);
      }
      throw error;
    }
  }

  async #identity(token: CompactToken): Promise<Identity> {
    const key = await this.#options.keys.find(token.header);
    const payload = await verifiedPayload(token, key);
    const claims = jsonObject(payload);
    if (claims === undefined) {
      throw new TokenRefusal("malformed", "The token's claims are not a JSON object.");
    }
    return readClaims(claims, this.#options);
  }
}

async function verifiedPayload(
  { text, header }: CompactToken,
  key: CryptoKey,
): Promise<Uint8Array> {
  try {
    return (await compactVerify(text, key, { algorithms: [header.alg] })).payload;
  } catch {
    throw new TokenRefusal("signature", "The token's signature is not right.");
  }
}
