import type { CacheService } from "../cache/cache_service.ts";
import type { Call } from "../cache/call.ts";
import type { BatchGetResult, Bytes, Hit, KeyRequest } from "../cache/operations.ts";
import { CacheError } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import type { MemoryBudget } from "../core/memory_budget.ts";
import type { TimeoutQueue } from "../core/timeout_queue.ts";
import { type BodyOptions, withBody } from "./body.ts";
import { type BodyLimits, bodyLimits } from "./body_limits.ts";
import { type Answer, type Exchange, jsonAnswer, methodsOf, type Route } from "./exchange.ts";
import { parseJsonBody } from "./json_body.ts";
import { bodyKind, prefersRaw } from "./media_type.ts";
import { type OperationParts, operationsWith } from "./operation.ts";
import { missAnswer, overloaded } from "./problem.ts";
import { CACHE_PATH, type CacheRoute, cacheTarget, decodeSegment } from "./raw_path.ts";
import { batchGetBody, batchSetBody, invalidateBody, setBody } from "./body_schemas.ts";
import { writeQuery } from "./write_query.ts";

/** What the cache routes are built from. */
export interface CacheRouteParts extends OperationParts {
  readonly service: CacheService;
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  /** Their length is the longest that a body may take to arrive. */
  readonly timeouts: TimeoutQueue;
}

/** The cache routes, by what `cacheTarget` tells of a path. */
export function cacheRoutes(parts: CacheRouteParts): Readonly<Record<CacheRoute, Route>> {
  const handlers = new CacheHandlers(parts);
  const operation = operationsWith(parts);
  const route = (path: string, methods: Parameters<typeof methodsOf>[0]): Route => ({
    template: `${CACHE_PATH}{namespace}/${path}`,
    methods: methodsOf(methods),
  });
  const key = {
    GET: operation("get", (exchange, call) => handlers.get(exchange, call)),
    PUT: operation("set", (exchange, call) => handlers.put(exchange, call)),
    DELETE: operation("delete", (exchange, call) => handlers.delete(exchange, call)),
  };
  return {
    "key": route("{key}", key),
    "invalidate": route("invalidate", {
      ...key,
      POST: operation("invalidate", (exchange, call) => handlers.invalidate(exchange, call)),
    }),
    "batch/get": route("batch/get", {
      POST: operation("batch_get", (exchange, call) => handlers.batchGet(exchange, call)),
    }),
    "batch/set": route("batch/set", {
      POST: operation("batch_set", (exchange, call) => handlers.batchSet(exchange, call)),
    }),
  };
}

/** Answers with fewer bytes of values are not counted: they are gone as soon as they are made. */
const COUNTED_ANSWER_BYTES = 64 * 1024;

const JSON_ONLY = ["json"] as const;
const JSON_OR_RAW = ["json", "raw"] as const;

class CacheHandlers {
  readonly #parts: CacheRouteParts;
  readonly #bodyLimits: BodyLimits;

  constructor(parts: CacheRouteParts) {
    this.#parts = parts;
    this.#bodyLimits = bodyLimits(parts.limits);
  }

  async get(exchange: Exchange, call: Call): Promise<Answer> {
    const result = await this.#parts.service.get(keyRequest(exchange), call);
    if (!result.found) return missAnswer(exchange.correlationId, result);
    const headers = headersOf(result);
    headers["X-Cache-Source"] = result.source;
    const { value, ttlSeconds } = result;
    if (!prefersRaw(exchange.request.headers.get("accept"))) {
      return this.#holding(value.length, () => jsonAnswer(hitJson(result), { headers }));
    }
    headers["Content-Type"] = "application/octet-stream";
    headers["X-Cache-TTL"] = `${ttlSeconds}`;
    return this.#holding(value.length, () => ({ status: 200, headers, body: value }));
  }

  put(exchange: Exchange, call: Call): Promise<Answer> {
    const { request } = exchange;
    const target = keyRequest(exchange);
    const query = writeQuery(request.url);
    const kind = bodyKind(request.headers, JSON_OR_RAW);
    return withBody(request, async (body) => {
      const { value, ttl_seconds, encrypt } = kind === "json"
        ? parseJsonBody(setBody, body)
        : { value: body };
      const result = await this.#parts.service.set({
        ...target,
        value,
        ttlSeconds: ttl_seconds ?? query.ttlSeconds ?? 0,
        encrypt: encrypt ?? query.encrypt ?? false,
      }, call);
      return jsonAnswer(`{"success":true${degradedJson(result)}}`, { headers: headersOf(result) });
    }, this.#reading(kind, "value_too_large"));
  }

  async delete(exchange: Exchange, call: Call): Promise<Answer> {
    const result = await this.#parts.service.delete(keyRequest(exchange), call);
    return jsonAnswer(`{"deleted":${result.deleted}${degradedJson(result)}}`, {
      headers: headersOf(result),
    });
  }

  batchGet(exchange: Exchange, call: Call): Promise<Answer> {
    const { request } = exchange;
    const { namespace } = segments(exchange);
    bodyKind(request.headers, JSON_ONLY);
    return withBody(request, async (body) => {
      const { keys } = parseJsonBody(batchGetBody, body, {
        maxKeys: this.#parts.limits.maxBatchKeys,
      });
      const result = await this.#parts.service.batchGet({ namespace, keys }, call);
      let bytes = 0;
      for (const value of result.values.values()) bytes += value.length;
      return this.#holding(
        bytes,
        () => jsonAnswer(batchGetJson(result), { headers: headersOf(result) }),
      );
    }, this.#reading("batchGet", "batch_too_large"));
  }

  batchSet(exchange: Exchange, call: Call): Promise<Answer> {
    const { request } = exchange;
    const { namespace } = segments(exchange);
    bodyKind(request.headers, JSON_ONLY);
    return withBody(request, async (body) => {
      const { entries, ttl_seconds = 0, encrypt = false } = parseJsonBody(batchSetBody, body, {
        maxKeys: this.#parts.limits.maxBatchKeys,
      });
      const result = await this.#parts.service.batchSet(
        { namespace, entries, ttlSeconds: ttl_seconds, encrypt },
        call,
      );
      const { success, storedCount } = result;
      return jsonAnswer(
        `{"success":${success},"stored_count":${storedCount}${degradedJson(result)}}`,
        { headers: headersOf(result) },
      );
    }, this.#reading("batchSet", "batch_too_large"));
  }

  invalidate(exchange: Exchange, call: Call): Promise<Answer> {
    const { request } = exchange;
    const { namespace } = segments(exchange);
    bodyKind(request.headers, JSON_ONLY);
    return withBody(request, async (body) => {
      const { keys, action = "delete" } = parseJsonBody(invalidateBody, body, {
        maxKeys: this.#parts.limits.maxBatchKeys,
      });
      await this.#parts.service.invalidate({ namespace, keys, action }, call);
      return jsonAnswer('{"success":true}');
    }, this.#reading("batchGet", "batch_too_large"));
  }

  #reading(body: keyof BodyLimits, tooLarge: BodyOptions["tooLarge"]): BodyOptions {
    const { budget, timeouts } = this.#parts;
    return { budget, timeouts, maxBytes: this.#bodyLimits[body], tooLarge };
  }

  /** Makes an answer with `valueBytes` of values; throws `overloaded` where the budget is spent. */
  #holding(valueBytes: number, make: () => Answer): Answer {
    if (valueBytes <= COUNTED_ANSWER_BYTES) return make();
    const { budget } = this.#parts;
    if (!budget.tryReserve(valueBytes)) throw overloaded();
    try {
      return { ...make(), heldBytes: valueBytes };
    } catch (error) {
      budget.release(valueBytes);
      throw error;
    }
  }
}

function keyRequest(exchange: Exchange): KeyRequest {
  const { namespace, key: segment } = segments(exchange);
  const key = decodeSegment(segment);
  if (key === undefined) {
    throw new CacheError("invalid_key", "The key in the path is not percent-encoded UTF-8.");
  }
  if (key === "." || key === "..") {
    throw new CacheError(
      "invalid_key",
      "A key of one or two dots cannot be named by a path; a batch or gRPC reaches it.",
    );
  }
  return { namespace, key };
}

/** The decoded namespace and the raw key of a path that `cacheTarget` has taken. */
function segments({ path }: Exchange): KeyRequest {
  const target = cacheTarget(path);
  const namespace = target && decodeSegment(target.namespace);
  if (target === undefined || namespace === undefined) {
    throw new CacheError(
      "invalid_namespace",
      "The namespace in the path is not percent-encoded UTF-8.",
    );
  }
  return { namespace, key: target.key };
}

function headersOf(result: { degraded: boolean; version?: string }): Record<string, string> {
  const headers: Record<string, string> = {};
  if (result.version !== undefined) headers["X-Cache-Version"] = result.version;
  if (result.degraded) headers["X-Cache-Degraded"] = "true";
  return headers;
}

function degradedJson({ degraded }: { readonly degraded: boolean }): string {
  return degraded ? ',"degraded":true' : "";
}

function hitJson(hit: Hit): string {
  return `{"found":true,"value":"${hit.value.toBase64()}","source":"${hit.source}",` +
    `"ttl_seconds":${hit.ttlSeconds}${degradedJson(hit)}}`;
}

/** Written as text: an object would need care for keys such as `__proto__`. */
function batchGetJson(result: BatchGetResult): string {
  const values = membersJson(result.values, (value: Bytes) => value.toBase64());
  const errors = result.errors.size === 0
    ? ""
    : `,"errors":${membersJson(result.errors, (code) => code)}`;
  return `{"values":${values},"missing_keys":${JSON.stringify(result.missingKeys)}${errors}` +
    `${degradedJson(result)}}`;
}

/** A JSON object; `textOf` gives text that needs no escaping. */
function membersJson<T>(members: ReadonlyMap<string, T>, textOf: (member: T) => string): string {
  let json = "{";
  for (const [key, member] of members) {
    if (json.length > 1) json += ",";
    json += `${JSON.stringify(key)}:"${textOf(member)}"`;
  }
  return `${json}}`;
}
