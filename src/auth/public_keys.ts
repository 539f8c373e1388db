import { createLocalJWKSet, type CryptoKey, errors, importJWK, type JWK } from "jose";
import { MAX_KEY_ID_LENGTH, type TokenHeader } from "./compact_token.ts";
import { isObject } from "./json_object.ts";
import { TokenRefusal } from "./token_refusal.ts";

/** The shortest RSA key (RFC 7518 section 3.3). */
const MIN_RSA_BITS = 2048;

const RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/** The algorithms of each kind of public key, the most usual first (RFC 7518, 8037, 9864). */
const ALGORITHMS_OF: Readonly<Record<string, readonly string[]>> = {
  "RSA": RSA_ALGORITHMS,
  "EC P-256": ["ES256"],
  "EC P-384": ["ES384"],
  "EC P-521": ["ES512"],
  "OKP Ed25519": ["EdDSA", "Ed25519"],
};

/** Every algorithm that a public key may have here; none of them takes a secret. */
export const PUBLIC_KEY_ALGORITHMS: readonly string[] = Object.values(ALGORITHMS_OF).flat();

/** Members of a JWK that only a private or a symmetric key has (RFC 7518 section 6). */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/** The members that are read; all else of a JWK, such as certificates, is left aside. */
const READ_MEMBERS = ["kty", "crv", "n", "e", "x", "y", "kid", "use", "key_ops", "alg"];

/** The algorithms that fit the key itself, whatever its `alg` says; none where it is not known. */
export function algorithmsOf(
  { kty, crv }: { readonly kty?: unknown; readonly crv?: unknown },
): readonly string[] {
  if (typeof kty !== "string") return [];
  const kind = typeof crv === "string" ? `${kty} ${crv}` : kty;
  return Object.hasOwn(ALGORITHMS_OF, kind) ? ALGORITHMS_OF[kind] ?? [] : [];
}

/** A set of public keys (RFC 7517) that does not change. */
export class PublicKeys {
  /** How many keys of the set can check tokens. */
  readonly size: number;
  readonly #text: string;
  readonly #find: ReturnType<typeof createLocalJWKSet>;

  private constructor(keys: readonly JWK[]) {
    this.size = keys.length;
    this.#text = keys.map((key) => JSON.stringify(key)).sort().join("\n");
    this.#find = createLocalJWKSet({ keys: [...keys] });
  }

  /**
   * Takes what can check signatures out of the members of a JWK Set; other members are skipped, as
   * RFC 7517 section 5 asks: keys of other kinds and uses, private and symmetric ones, weak ones.
   */
  static async of(members: readonly unknown[]): Promise<PublicKeys> {
    const keys = await Promise.all(members.map(usableKey));
    return new PublicKeys(keys.filter((key) => key !== undefined));
  }

  equals(other: PublicKeys): boolean {
    return this.#text === other.#text;
  }

  /**
   * The key for a token: that with its `kid`, or, where the token names none, the only one that
   * fits its algorithm. A key whose set gives it no `kid` serves only tokens without one. Undefined
   * where none fits; rejects with `TokenRefusal` where several do, for none is tried out.
   */
  async find({ alg, kid }: TokenHeader): Promise<CryptoKey | undefined> {
    try {
      return await this.#find(kid === undefined ? { alg } : { alg, kid });
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      throw new TokenRefusal("unknown_key", "The token does not say which of the keys signed it.");
    }
  }
}

async function usableKey(member: unknown): Promise<JWK | undefined> {
  if (!isObject(member) || SECRET_MEMBERS.some((name) => Object.hasOwn(member, name))) {
    return undefined;
  }
  const { kid, use } = member;
  if (use !== undefined && use !== "sig") return undefined;
  if (kid !== undefined && (typeof kid !== "string" || kid.length > MAX_KEY_ID_LENGTH)) {
    return undefined;
  }
  const key: JWK = Object.fromEntries(
    READ_MEMBERS.filter((name) => Object.hasOwn(member, name)).map((name) => [name, member[name]]),
  );
  const fitting = algorithmsOf(key);
  const alg = key.alg === undefined ? fitting[0] : fitting.find((fit) => fit === key.alg);
  return alg !== undefined && await isSound(key, alg) ? key : undefined;
}

/** Whether the key can be used as it says, and is strong enough. */
async function isSound(key: JWK, alg: string): Promise<boolean> {
  try {
    const imported = await importJWK(key, alg);
    if (imported instanceof Uint8Array || !imported.usages.includes("verify")) return false;
    const { algorithm } = imported;
    return !("modulusLength" in algorithm) || Number(algorithm.modulusLength) >= MIN_RSA_BITS;
  } catch {
    return false;
  }
}
