import { z } from "zod";
import { PROBLEMS } from "./problem.ts";

const code = z.enum(Object.keys(PROBLEMS));
/** Present, and true, only where it holds. */
const degraded = z.literal(true).optional();

export const hitAnswer = z.object({
  found: z.literal(true),
  value: z.base64(),
  source: z.enum(["redis", "local"]),
  ttl_seconds: z.int().min(1),
  degraded,
});

export const invalidateAnswer = z.object({ success: z.literal(true) });

export const setAnswer = z.object({ success: z.literal(true), degraded });

export const deleteAnswer = z.object({ deleted: z.boolean(), degraded });

export const batchGetAnswer = z.object({
  values: z.record(z.string(), z.base64()),
  missing_keys: z.array(z.string()),
  errors: z.record(z.string(), code).optional(),
  degraded,
});

export const batchSetAnswer = z.object({
  success: z.boolean(),
  stored_count: z.int().min(0),
  degraded,
});

const connectionStatus = z.enum(["connected", "connecting", "disconnected", "disabled"]);

export const healthAnswer = z.object({
  healthy: z.boolean(),
  status: z.enum(["ok", "degraded"]),
  redis_status: connectionStatus,
  broker_status: connectionStatus,
  local_cache_enabled: z.boolean(),
  /** Present where there is a near cache. */
  local_cache_mode: z.enum(["near", "fallback"]).optional(),
  version: z.string(),
});

/** The answer of the probes. */
export const phaseAnswer = z.object({ status: z.enum(["starting", "serving", "draining"]) });

/** Every refusal (RFC 9457). */
export const problemAnswer = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string(),
  code,
  correlation_id: z.string().min(1).max(128),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});

export const missAnswer = problemAnswer.extend({ found: z.literal(false), degraded });

const count = z.int().min(0);

/** One line of the answer to a rewrap; only the last has `done` or `error`. */
export const rewrapLine = z.object({
  scanned: count,
  rewrapped: count,
  current: count,
  plain: count,
  invalid: count,
  failed: count,
  superseded: count,
  done: z.literal(true).optional(),
  error: problemAnswer.optional(),
});

const summary = z.object({
  count: z.number(),
  sum: z.number(),
  p50: z.number().optional(),
  p99: z.number().optional(),
});

/** By the names of the metrics; one with labels is an object by their values. */
export const statsAnswer = z.record(
  z.string(),
  z.union([z.number(), z.record(z.string(), z.union([z.number(), summary]))]),
);
