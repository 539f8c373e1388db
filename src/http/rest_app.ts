import { Hono } from "hono";
import { correlationId } from "../core/correlation.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import type { Logger } from "../core/telemetry.ts";
import { utf8Length } from "../core/key.ts";
import { type CacheRouteParts, cacheRoutes } from "./cache_routes.ts";
import type { Answer, Exchange, Handler, Methods } from "./exchange.ts";
import { failureFields } from "../core/failure_fields.ts";
import { HttpError, problemAnswer } from "./problem.ts";
import { CACHE_PATH, cacheTarget, rawPath } from "./raw_path.ts";
import { statusRoutes } from "./status_routes.ts";

/** What the REST interface is built from. */
export interface RestAppParts extends CacheRouteParts {
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  /** From the arrival of a request to the end of waiting for its body and for the store. */
  readonly requestTimeoutMs: number;
  readonly version: string;
  readonly newCorrelationId: () => string;
}

/** Answers requests; what `Deno.serve` needs and a test can call. */
export interface RestApp {
  fetch(request: Request): Response | Promise<Response>;
}

/** The REST interface over the cache; every failure becomes an answer. */
export function createRestApp(parts: RestAppParts): RestApp {
  const app = new Hono({ getPath: (request) => rawPath(request.url) });
  const responder = new Responder(parts);
  for (const [path, methods] of Object.entries(statusRoutes(parts))) {
    app.all(path, ({ req }) => responder.respond(req.raw, methods));
  }
  const cache = cacheRoutes(parts);
  // One route for the whole tree: Hono tells no empty segments, and its parameters are decoded.
  app.all(`${CACHE_PATH}*`, ({ req }) => {
    const target = cacheTarget(req.path);
    return responder.respond(req.raw, target && cache[target.route]);
  });
  app.notFound(({ req }) => responder.respond(req.raw, undefined));
  return app;
}

class Responder {
  readonly #parts: RestAppParts;

  constructor(parts: RestAppParts) {
    this.#parts = parts;
  }

  /** Answers by the handler of the request's method; `methods` is absent for an unknown route. */
  async respond(request: Request, methods: Methods | undefined): Promise<Response> {
    const { clock, requestTimeoutMs, newCorrelationId } = this.#parts;
    const exchange: Exchange = {
      request,
      path: rawPath(request.url),
      correlationId: correlationId(request.headers.get("x-correlation-id"), newCorrelationId),
      deadlineMs: clock.monotonicMs() + requestTimeoutMs,
    };
    let answer: Answer;
    try {
      answer = await handlerOf(request.method, methods)(exchange);
    } catch (error) {
      answer = problemAnswer(error, exchange.correlationId);
      if (answer.status === 500) {
        this.#parts.logger.error("A REST request failed.", {
          correlation_id: exchange.correlationId,
          ...failureFields(error),
        });
      }
    }
    return this.#response(answer, exchange);
  }

  #response({ status, headers, body }: Answer, { request, correlationId }: Exchange): Response {
    headers["X-Correlation-ID"] = correlationId;
    headers["Cache-Control"] = "no-store";
    headers["X-Content-Type-Options"] = "nosniff";
    if (this.#parts.lifecycle.phase === "draining") headers["Connection"] = "close";
    if (request.method !== "HEAD") return new Response(body, { status, headers });
    const length = typeof body === "string" ? utf8Length(body) : body.length;
    headers["Content-Length"] = `${length}`;
    return new Response(null, { status, headers });
  }
}

function handlerOf(method: string, methods: Methods | undefined): Handler {
  if (methods === undefined) throw new HttpError("not_found", "There is no such route.");
  const handler = methods.get(method);
  if (handler !== undefined) return handler;
  const allow = [...methods.keys()].join(", ");
  throw new HttpError("method_not_allowed", `This route allows ${allow}.`, { Allow: allow });
}
