import { CacheError } from "../core/errors.ts";

/** The failure of a broker that takes no event now. */
export function brokerUnavailable(detail: string, cause?: unknown): CacheError {
  return new CacheError("broker_unavailable", detail, { retryAfterSeconds: 1, cause });
}
