import { namespaceFault } from "../core/key.ts";
import type { Principal } from "../core/principal.ts";
import { TokenRefusal } from "./token_refusal.ts";

/** The most namespaces that a token may name. */
export const MAX_NAMESPACES = 1000;

/** The longest subject, in UTF-16 units; what is longer is cut. */
export const MAX_SUBJECT_LENGTH = 256;

/** How far the issuer's clock may be ahead, for `nbf` and `iat`; `exp` has no leeway. */
/** The last second that a date of JavaScript can tell. */
const LATEST_SECONDS = 8.64e12;
const LEEWAY_SECONDS = 30;

const KNOWN_SCOPES: ReadonlySet<string> = new Set(["cache:read", "cache:write", "cache:admin"]);
const DEFAULT_SCOPES: ReadonlySet<string> = new Set(["cache:read", "cache:write"]);

type Members = Readonly<Record<string, unknown>>;

/** What a token must say besides being well signed; what is not set is not checked. */
export interface Expected {
  /** `iss`, character by character. */
  readonly issuer?: string;
  /** `aud`, or one of its list. */
  readonly audience?: string;
}

/** Who a token speaks for, and when. */
export interface Identity {
  readonly principal: Principal;
  /** Wall milliseconds from which it counts, leeway included. */
  readonly validFromMs: number;
  /** Wall milliseconds from which it counts no more. */
  readonly validUntilMs: number;
}

/**
 * Reads the claims of a verified token (RFC 7519 section 4.1, RFC 9068). Throws `TokenRefusal` for
 * a claim that is wrong or has another shape. What makes the principal:
 *
 * - `namespace`: a name, a list of names, or `*` for all; absent means none.
 * - `scopes`, else `scope`: a list, or words with spaces between them. `scopes` is this service's
 *   own claim and so goes before OAuth's `scope`, which also names the scopes of others. Of either
 *   only the known ones are kept; without both claims a token may read and write.
 * - `sub`: for the log; "unknown" where it is absent.
 */
export function readClaims(claims: Members, expected: Expected): Identity {
  checkIssuer(claims, expected);
  const exp = numericDate(claims, "exp");
  if (exp === undefined) throw new TokenRefusal("claims", "The token has no exp claim.");
  const earliest = [numericDate(claims, "nbf"), numericDate(claims, "iat")]
    .filter((time) => time !== undefined);
  return {
    principal: {
      subject: subjectOf(claims),
      namespaces: namespacesOf(claims),
      scopes: scopesOf(claims),
    },
    validFromMs: (Math.max(-Infinity, ...earliest) - LEEWAY_SECONDS) * 1000,
    validUntilMs: exp * 1000,
  };
}

/** Throws `TokenRefusal` unless the identity counts at `wallMs`. */
export function checkTime({ validFromMs, validUntilMs }: Identity, wallMs: number): void {
  if (wallMs >= validUntilMs) throw new TokenRefusal("expired", "The token has expired.");
  if (wallMs < validFromMs) {
    throw new TokenRefusal("not_yet_valid", "The token is not valid yet.");
  }
}

function checkIssuer({ iss, aud }: Members, { issuer, audience }: Expected): void {
  if (issuer !== undefined && iss !== issuer) {
    throw new TokenRefusal("issuer", "The token's issuer is not the one this service trusts.");
  }
  if (audience === undefined) return;
  if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) {
    throw new TokenRefusal("audience", "The token's audience is not this service.");
  }
}

/** Seconds since the Unix epoch, with fractions. */
function numericDate(claims: Members, name: string): number | undefined {
  const value = claims[name];
  if (value === undefined) return value;
  if (typeof value === "number" && Math.abs(value) <= LATEST_SECONDS) return value;
  throw new TokenRefusal("claims", `The token's ${name} claim is not a number of seconds.`);
}

function subjectOf({ sub }: Members): string {
  if (sub === undefined) return "unknown";
  if (typeof sub === "string") return sub.slice(0, MAX_SUBJECT_LENGTH).toWellFormed();
  throw new TokenRefusal("claims", "The token's sub claim is not a string.");
}

function namespacesOf({ namespace = [] }: Members): ReadonlySet<string> {
  const names = typeof namespace === "string" ? [namespace] : stringsOf(namespace);
  if (names === undefined || names.some((name) => name !== "*" && namespaceFault(name))) {
    throw new TokenRefusal(
      "claims",
      "The token's namespace claim is not a namespace, a list of them, or *.",
    );
  }
  if (names.length > MAX_NAMESPACES) {
    throw new TokenRefusal(
      "claims",
      `A token names at most ${MAX_NAMESPACES} namespaces; this one has ${names.length}.`,
    );
  }
  return new Set(names);
}

function scopesOf({ scopes, scope }: Members): ReadonlySet<string> {
  const claim = scopes === undefined ? scope : scopes;
  if (claim === undefined) return DEFAULT_SCOPES;
  const words = typeof claim === "string" ? claim.split(" ") : stringsOf(claim);
  if (words === undefined) {
    throw new TokenRefusal("claims", "The token's scopes are not a list or words with spaces.");
  }
  return new Set(words.filter((word) => KNOWN_SCOPES.has(word)));
}

function stringsOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.every((item): item is string => typeof item === "string") ? value : undefined;
}
