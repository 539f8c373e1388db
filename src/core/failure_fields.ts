import { asCacheError, CacheError } from "./errors.ts";
import type { LogFields } from "./telemetry.ts";

/**
 * What the log may say of a failure inside the service. The message of an unknown error may quote
 * a key or a value, so only its name and where it was thrown are told.
 */
export function failureFields(thrown: unknown): LogFields {
  const { code, message, cause } = asCacheError(thrown);
  if (!(cause instanceof Error) || cause instanceof CacheError) return { code, error: message };
  const frames = (cause.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
  return { code, error: message, cause: cause.name, stack: frames.join("\n") };
}
