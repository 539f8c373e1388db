import { jsonObject } from "./json_object.ts";
import { TokenRefusal } from "./token_refusal.ts";

/** The most bytes of a token; all of them are ASCII. */
export const MAX_TOKEN_BYTES = 8192;

/** The longest `kid`, in characters. */
export const MAX_KEY_ID_LENGTH = 256;

const SCHEME = /^bearer +/i;
const LONGEST_SCHEME = 16;
const PARTS = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;

/** Parameters that bring or name a key (RFC 7515 section 4.1): a token may not choose who signed. */
const KEY_PARAMETERS = ["jku", "jwk", "x5u", "x5c"];
/** Parameters that change how a token is read (RFC 7515 section 4.1.11, RFC 7797); none is known. */
const EXTENSIONS = ["crit", "b64"];
/** Lower case, without `application/` (RFC 8725 section 3.11, RFC 9068 section 2.1). */
const TYPES = ["jwt", "at+jwt"];

/** What of a token's header matters for finding its key. */
export interface TokenHeader {
  readonly alg: string;
  /** An opaque name of 1 to {@linkcode MAX_KEY_ID_LENGTH} characters. */
  readonly kid: string | undefined;
}

/** A token as it came, apart from its signature unchecked. */
export interface CompactToken {
  readonly text: string;
  readonly header: TokenHeader;
}

/** Takes the token out of an `Authorization` value (RFC 6750 section 2.1); throws `TokenRefusal`. */
export function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined) {
    throw new TokenRefusal("missing", "The call has no bearer token.");
  }
  const scheme = SCHEME.exec(authorization.slice(0, LONGEST_SCHEME))?.[0];
  if (scheme === undefined) {
    throw new TokenRefusal("malformed", "The Authorization value is not a bearer token.");
  }
  const token = authorization.slice(scheme.length);
  if (token.length > MAX_TOKEN_BYTES) {
    throw new TokenRefusal(
      "too_large",
      `A token has at most ${MAX_TOKEN_BYTES} bytes; this one has ${token.length}.`,
    );
  }
  return token;
}

/**
 * Reads a token's form and header by RFC 7515 and RFC 8725, strictly: each text has one meaning,
 * and no two texts the same. Throws `TokenRefusal`.
 */
export function parseToken(
  text: string,
  options: { readonly algorithms: readonly string[] },
): CompactToken {
  const [, header, payload, signature] = PARTS.exec(text) ?? [];
  if (header === undefined || payload === undefined || signature === undefined) throw malformed();
  if (decode(payload) === undefined || decode(signature) === undefined) throw malformed();
  const bytes = decode(header);
  const members = bytes === undefined ? undefined : jsonObject(bytes);
  if (members === undefined) throw malformed();
  return { text, header: checkedHeader(members, options.algorithms) };
}

function checkedHeader(
  header: Readonly<Record<string, unknown>>,
  algorithms: readonly string[],
): TokenHeader {
  const { alg, kid, typ } = header;
  if (typeof alg !== "string" || !algorithms.includes(alg)) {
    throw new TokenRefusal("algorithm", "The token's algorithm is not allowed here.");
  }
  for (const name of [...KEY_PARAMETERS, ...EXTENSIONS]) {
    if (Object.hasOwn(header, name)) {
      throw new TokenRefusal("header", `A token's header must not have ${name}.`);
    }
  }
  if (typ !== undefined && !isTokenType(typ)) {
    throw new TokenRefusal("header", "The token's typ is neither JWT nor at+jwt.");
  }
  if (kid === undefined) return { alg, kid };
  if (typeof kid !== "string" || kid === "" || kid.length > MAX_KEY_ID_LENGTH) {
    throw new TokenRefusal(
      "header",
      `The token's kid is not a string of 1 to ${MAX_KEY_ID_LENGTH} characters.`,
    );
  }
  return { alg, kid };
}

function isTokenType(typ: unknown): boolean {
  return typeof typ === "string" &&
    TYPES.includes(typ.toLowerCase().replace(/^application\//, ""));
}

/**
 * The bytes of base64url (RFC 7515 section 2), undefined where they would be written in another
 * way: decoders overlook bits at the end, and then an edited signature would be as good as the real.
 */
function decode(text: string): Uint8Array | undefined {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    const written = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    return written === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function malformed(): TokenRefusal {
  return new TokenRefusal("malformed", "The bearer token is not a signed JWT in compact form.");
}
