import { CacheError } from "../core/errors.ts";
import { rawQuery } from "./raw_path.ts";

/** What the query of a PUT may say of the write; what a JSON body says of it comes first. */
export interface WriteQuery {
  readonly ttlSeconds?: number;
  readonly encrypt?: boolean;
}

const NOTHING: WriteQuery = {};
/** Digits enough for every TTL; the range is checked where all TTLs are. */
const TTL = /^\d{1,9}$/;

/** Reads `ttl_seconds` and `encrypt`; throws `invalid_ttl` and `invalid_request`. */
export function writeQuery(url: string): WriteQuery {
  const query = rawQuery(url);
  if (query === "") return NOTHING;
  const parameters = new URLSearchParams(query);
  const ttl = parameters.getAll("ttl_seconds");
  const encrypt = parameters.getAll("encrypt");
  return {
    ...(ttl.length === 0 ? {} : { ttlSeconds: parseTtl(ttl) }),
    ...(encrypt.length === 0 ? {} : { encrypt: parseFlag(encrypt) }),
  };
}

function parseTtl([text = "", ...others]: readonly string[]): number {
  if (others.length === 0 && TTL.test(text)) return Number(text);
  throw new CacheError(
    "invalid_ttl",
    "The query parameter ttl_seconds is one whole number of seconds.",
  );
}

function parseFlag([text, ...others]: readonly string[]): boolean {
  if (others.length === 0 && (text === "true" || text === "false")) return text === "true";
  throw new CacheError("invalid_request", "The query parameter encrypt is true or false.");
}
