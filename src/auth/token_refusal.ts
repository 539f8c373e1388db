import { CacheError } from "../core/errors.ts";

/** Why a call was not let in; a closed set, so that it can label a metric. */
export type RefusalReason =
  | "missing"
  | "malformed"
  | "too_large"
  | "header"
  | "algorithm"
  | "unknown_key"
  | "signature"
  | "claims"
  | "expired"
  | "not_yet_valid"
  | "issuer"
  | "audience"
  | "keys_unavailable";

/** What a caller without a good token receives: `unauthorized`. The message quotes no token. */
export class TokenRefusal extends CacheError {
  constructor(readonly reason: RefusalReason, message: string) {
    super("unauthorized", message);
  }
}

/**
 * `identity_unavailable`: nothing can be said of any token, for the keys were never loaded; they
 * may be after `retryAfterSeconds` (a whole number, 1 or more).
 */
export class KeysUnavailable extends CacheError {
  readonly reason: RefusalReason = "keys_unavailable";

  constructor(retryAfterSeconds: number) {
    super("identity_unavailable", "The keys that check tokens are not loaded yet.", {
      retryAfterSeconds,
    });
  }
}
