import { HttpError } from "./problem.ts";
import type { RequestHeaders } from "./rest_request.ts";

const JSON_TYPE = "application/json";
const RAW_TYPE = "application/octet-stream";

/** How a body carries a value: in JSON as base64, or as the bytes themselves. */
export type BodyKind = "json" | "raw";

/** The kind of a request's body; throws `unsupported_media_type` for one not in `accepted`. */
export function bodyKind(headers: RequestHeaders, accepted: readonly BodyKind[]): BodyKind {
  const contentType = headers.get("content-type") ?? "";
  const kind = kindOf(contentType);
  if (kind === undefined || !accepted.includes(kind)) {
    const types = accepted.map((kind) => kind === "json" ? JSON_TYPE : RAW_TYPE).join(" or ");
    const received = contentType === "" ? "no content type" : "another content type";
    throw unsupported(`The body must be ${types}; ${received} was received.`);
  }
  const coding = headers.get("content-encoding");
  if (coding !== null && coding.toLowerCase() !== "identity") {
    throw unsupported("The body must come without a content encoding.");
  }
  const transfer = headers.get("transfer-encoding");
  if (transfer !== null && transfer.toLowerCase() !== "chunked") {
    throw unsupported("The body must come without a transfer coding but `chunked`.");
  }
  return kind;
}

function kindOf(contentType: string): BodyKind | undefined {
  if (contentType === JSON_TYPE) return "json";
  if (contentType === RAW_TYPE) return "raw";
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  if (type.trim() === RAW_TYPE) return "raw";
  if (type.trim() !== JSON_TYPE) return undefined;
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith("charset="));
  return charset === undefined || /^charset="?utf-8"?$/.test(charset) ? "json" : undefined;
}

function unsupported(message: string): HttpError {
  return new HttpError("unsupported_media_type", message);
}

/**
 * Whether an `Accept` header asks for bytes rather than JSON: by the higher quality, else by the
 * type that is named more exactly. JSON where neither is preferred.
 */
export function prefersRaw(accept: string | null): boolean {
  if (accept === null || accept === "*/*" || accept === JSON_TYPE) return false;
  if (accept === RAW_TYPE) return true;
  const ranges = accept.toLowerCase().split(",").map(parseRange);
  const raw = preference(ranges, RAW_TYPE);
  const json = preference(ranges, JSON_TYPE);
  if (raw.quality !== json.quality) return raw.quality > json.quality;
  return raw.quality > 0 && raw.exactness > json.exactness;
}

interface MediaRange {
  readonly type: string;
  /** From 0, not acceptable, to 1. */
  readonly quality: number;
}

function parseRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  const quality = weight === undefined ? 1 : Number(weight.slice(2));
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** What the most exact of the ranges that cover `type` says of it. */
function preference(
  ranges: readonly MediaRange[],
  type: string,
): { readonly quality: number; readonly exactness: number } {
  const covering = ["*/*", "application/*", type];
  let best = { quality: 0, exactness: -1 };
  for (const range of ranges) {
    const exactness = covering.indexOf(range.type);
    if (exactness > best.exactness) best = { quality: range.quality, exactness };
  }
  return best;
}
