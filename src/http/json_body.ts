import type { z } from "zod";
import { CacheError, type ErrorCode, type FieldFault } from "../core/errors.ts";
import { hasMoreValues } from "./json_size.ts";
import { INVALID_VALUE } from "./body_schemas.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** How many values a body may have besides the members that its call knows, to be ignored. */
const FURTHER_VALUES = 64;

/**
 * Reads JSON text by a schema. Throws `invalid_request`, or `invalid_ttl` or `invalid_value` where
 * the first fault is one of these; each fault comes with its JSON Pointer. A body with far more
 * values than the call can have is refused unparsed: `batch_too_large`, or `invalid_request` where
 * it is no batch and has no `maxKeys`.
 */
export function parseJsonBody<T>(
  schema: z.ZodType<T>,
  body: Uint8Array,
  { maxKeys = 0 }: { readonly maxKeys?: number } = {},
): T {
  const maxValues = maxKeys + FURTHER_VALUES;
  if (hasMoreValues(body, maxValues)) {
    throw new CacheError(
      maxKeys === 0 ? "invalid_request" : "batch_too_large",
      maxKeys === 0
        ? `The body of this call has at most ${maxValues} JSON values; this one has more.`
        : `A batch has at most ${maxKeys} keys; this one has more than ${maxValues} JSON values.`,
    );
  }
  const result = schema.safeParse(parseJson(body));
  if (result.success) return result.data;
  const { issues } = result.error;
  const fields = issues.map(fieldFault);
  throw new CacheError(
    issues[0] === undefined ? "invalid_request" : faultCode(issues[0]),
    `The body does not fit this call: ${fields[0]?.detail}.`,
    { fields },
  );
}

function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) throw new CacheError("invalid_request", "The body is empty.");
  try {
    return JSON.parse(UTF8.decode(body));
  } catch {
    // The parser's own message quotes the body.
    throw new CacheError("invalid_request", "The body is not JSON in UTF-8.");
  }
}

function faultCode(issue: z.core.$ZodIssue): ErrorCode {
  if (issue.path[0] === "ttl_seconds") return "invalid_ttl";
  const isBase64Fault = issue.code === "custom" && issue.params?.code === INVALID_VALUE.code;
  return isBase64Fault ? "invalid_value" : "invalid_request";
}

function fieldFault(issue: z.core.$ZodIssue): FieldFault {
  const pointer = issue.path.map((part) => `/${escapePointer(String(part))}`).join("");
  return { pointer, detail: issue.message };
}

/** As RFC 6901 asks. */
function escapePointer(part: string): string {
  return part.replaceAll("~", "~0").replaceAll("/", "~1");
}
