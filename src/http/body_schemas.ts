import { z } from "zod";
import { MAX_TTL_SECONDS } from "../core/limits.ts";
import { decodeBase64 } from "./base64.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const TTL_RULE = `must be a whole number of seconds from 1 to ${MAX_TTL_SECONDS}, ` +
  "or 0 for the default";
const BASE64_RULE = "must be standard base64 with padding and without white space";
const BASE64_JSON = { type: "string", contentEncoding: "base64" } as const;

/** What marks a fault of base64 text, apart from one of a wrong JSON type. */
export const INVALID_VALUE = { code: "invalid_value" } as const;

const value = z.string({ error: "must be a string" }).transform((text, context): Bytes => {
  const bytes = decodeBase64(text);
  if (bytes !== undefined) return bytes;
  context.addIssue({ code: "custom", message: BASE64_RULE, params: INVALID_VALUE });
  return z.NEVER;
}).meta(BASE64_JSON);

/** Stops at the first fault, so that a bad body costs no more than a good one. */
const keys = z.array(z.unknown(), { error: "must be an array of strings" })
  .transform((items, context): string[] => {
    const keys: string[] = [];
    for (const [index, item] of items.entries()) {
      if (typeof item !== "string") {
        context.addIssue({ code: "custom", message: "must be a string", path: [index] });
        return z.NEVER;
      }
      keys.push(item);
    }
    return keys;
  }).meta({ items: { type: "string" } });

/** A map of its own instead of `z.record`, which drops `__proto__`. */
const entries = z.custom<object>(
  (input) => typeof input === "object" && input !== null && !Array.isArray(input),
  { error: "must be an object" },
).transform((members, context): Map<string, Bytes> => {
  const entries = new Map<string, Bytes>();
  for (const [key, text] of Object.entries(members)) {
    const bytes = typeof text === "string" ? decodeBase64(text) : undefined;
    if (bytes === undefined) {
      const issue = typeof text === "string"
        ? { message: BASE64_RULE, params: INVALID_VALUE }
        : { message: "must be a string" };
      context.addIssue({ code: "custom", path: [key], ...issue });
      return z.NEVER;
    }
    entries.set(key, bytes);
  }
  return entries;
}).meta({ type: "object", additionalProperties: BASE64_JSON });

/** Numbers outside the range are left to the service, which refuses them in the same words as gRPC. */
const ttlSeconds = z.number({ error: TTL_RULE })
  .meta({ type: "integer", minimum: 0, maximum: MAX_TTL_SECONDS });

const writeOptions = {
  ttl_seconds: ttlSeconds.optional(),
  encrypt: z.boolean({ error: "must be true or false" }).optional(),
};

const NOT_AN_OBJECT = { error: "must be a JSON object" };

/** The body of PUT. */
export const setBody = z.object({ value, ...writeOptions }, NOT_AN_OBJECT);

/** The body of POST `batch/get`. */
export const batchGetBody = z.object({ keys }, NOT_AN_OBJECT);

/** The body of POST `batch/set`. */
export const batchSetBody = z.object({ entries, ...writeOptions }, NOT_AN_OBJECT);

/** The body of POST `invalidate`. */
export const invalidateBody = z.object({
  keys,
  action: z.enum(["delete", "update"], { error: "must be `delete` or `update`" }).optional(),
}, NOT_AN_OBJECT);

/** The body of PUT `log-level`. */
export const logLevelBody = z.object({
  level: z.enum(["debug", "info", "warn", "error"], {
    error: "must be debug, info, warn or error",
  }),
}, NOT_AN_OBJECT);
