import { asCacheError, CacheError, type ErrorCode, type FieldFault } from "../core/errors.ts";
import { OVER_BUDGET } from "../core/memory_budget.ts";
import type { Answer } from "./exchange.ts";

/** The codes of REST: those of the core, and those that only HTTP knows. */
export type ProblemCode =
  | ErrorCode
  | "not_found"
  | "method_not_allowed"
  | "unsupported_media_type"
  | "request_timeout";

/** The status and title of each code. */
export const PROBLEMS: Readonly<Record<ProblemCode, { status: number; title: string }>> = {
  invalid_key: { status: 400, title: "Invalid key" },
  invalid_value: { status: 400, title: "Invalid value" },
  invalid_ttl: { status: 400, title: "Invalid TTL" },
  invalid_namespace: { status: 400, title: "Invalid namespace" },
  invalid_request: { status: 400, title: "Invalid request" },
  unauthorized: { status: 401, title: "Unauthorized" },
  forbidden: { status: 403, title: "Forbidden" },
  key_not_found: { status: 404, title: "Key not found" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  request_timeout: { status: 408, title: "Request timeout" },
  value_too_large: { status: 413, title: "Value too large" },
  batch_too_large: { status: 413, title: "Batch too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  encryption_unavailable: { status: 422, title: "Encryption unavailable" },
  encryption_failed: { status: 500, title: "Encryption failed" },
  decryption_failed: { status: 500, title: "Decryption failed" },
  entry_invalid: { status: 500, title: "Entry invalid" },
  internal: { status: 500, title: "Internal error" },
  identity_unavailable: { status: 503, title: "Identity unavailable" },
  redis_unavailable: { status: 503, title: "Redis unavailable" },
  broker_unavailable: { status: 503, title: "Broker unavailable" },
  circuit_open: { status: 503, title: "Circuit open" },
  overloaded: { status: 503, title: "Overloaded" },
  deadline_exceeded: { status: 504, title: "Deadline exceeded" },
};

/** A failure that only REST has, or one whose answer needs headers of its own. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code: ProblemCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

/** The refusal where the memory budget is spent. */
export function overloaded(headers: Readonly<Record<string, string>> = {}): HttpError {
  return new HttpError("overloaded", OVER_BUDGET, { ...headers, "Retry-After": "1" });
}

/** The RFC 9457 answer for whatever a handler threw; nothing of an unknown failure shows in it. */
export function problemAnswer(thrown: unknown, correlationId: string): Answer {
  const error = refusalOf(thrown);
  return {
    status: PROBLEMS[error.code].status,
    headers: problemHeaders(error),
    body: JSON.stringify(problemOf(error, correlationId)),
  };
}

/** The code that stands in that answer. */
export function problemCode(thrown: unknown): ProblemCode {
  return refusalOf(thrown).code;
}

/** The members of that answer's body. */
export function problemOf(thrown: unknown, correlationId: string): Problem {
  const error = refusalOf(thrown);
  const members = problemMembers(error.code, { detail: error.message, correlationId });
  const fields = error instanceof CacheError ? error.fields : [];
  return fields.length === 0 ? members : { ...members, errors: fields };
}

function refusalOf(thrown: unknown): HttpError | CacheError {
  return thrown instanceof HttpError ? thrown : asCacheError(thrown);
}

/** The answer of a read that found nothing. */
export function missAnswer(
  correlationId: string,
  options: { readonly degraded: boolean },
): Answer {
  const problem = problemMembers("key_not_found", {
    detail: "There is no entry under this key.",
    correlationId,
  });
  const { degraded } = options;
  const headers: Record<string, string> = { "Content-Type": PROBLEM_TYPE };
  if (degraded) headers["X-Cache-Degraded"] = "true";
  const found = degraded ? { found: false, degraded } : { found: false };
  return { status: problem.status, headers, body: JSON.stringify({ ...found, ...problem }) };
}

const PROBLEM_TYPE = "application/problem+json";

/** A problem details object (RFC 9457, section 3). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly correlation_id: string;
  readonly errors?: readonly FieldFault[];
}

function problemMembers(
  code: ProblemCode,
  { detail, correlationId }: { readonly detail: string; readonly correlationId: string },
): Problem {
  const { status, title } = PROBLEMS[code];
  const type = `urn:cache-service:problem:${code}`;
  return { type, title, status, detail, code, correlation_id: correlationId };
}

function problemHeaders(error: HttpError | CacheError): Record<string, string> {
  const headers: Record<string, string> = { "Content-Type": PROBLEM_TYPE };
  if (error.code === "unauthorized") headers["WWW-Authenticate"] = "Bearer";
  if (error instanceof HttpError) return Object.assign(headers, error.headers);
  if (PROBLEMS[error.code].status === 503) {
    headers["Retry-After"] = `${error.retryAfterSeconds ?? 1}`;
  }
  return headers;
}
