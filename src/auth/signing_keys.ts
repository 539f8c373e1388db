import type { CryptoKey } from "jose";
import type { TokenHeader } from "./compact_token.ts";

/** The keys that check tokens, wherever they come from. */
export interface SigningKeys {
  /** The values of `alg` (RFC 7518) that these keys allow; fixed by their kind, never by a token. */
  readonly algorithms: readonly string[];
  /** Another number whenever a key came or went: what was verified before counts no more. */
  readonly epoch: number;
  /**
   * The key for a token of this header, whose `alg` is one of `algorithms`. Rejects with
   * `TokenRefusal` where there is none, with `KeysUnavailable` where none were ever loaded.
   */
  find(header: TokenHeader): Promise<CryptoKey>;
  /** Looks for newer keys now, unless it is too soon for that. Never rejects. */
  look(): Promise<void>;
  /** Stops looking for newer keys. */
  close(): void;
}
