import { Hono } from "hono";
import type { Clock } from "../core/clock.ts";
import { correlationId } from "../core/correlation.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import type { Logger } from "../core/telemetry.ts";
import { utf8Length } from "../core/key.ts";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import { answerStream } from "./answer_stream.ts";
import { type CacheRouteParts, cacheRoutes } from "./cache_routes.ts";
import type { Answer, Exchange, Handler, Methods } from "./exchange.ts";
import { failureFields } from "../core/failure_fields.ts";
import { InFlight } from "./in_flight.ts";
import { type Metrics, metricsRoute } from "./metrics_route.ts";
import { HttpError, problemAnswer } from "./problem.ts";
import { CACHE_PATH, cacheTarget, rawPath } from "./raw_path.ts";
import { statusRoutes } from "./status_routes.ts";

/** What the REST interface is built from. */
export interface RestAppParts extends Omit<CacheRouteParts, "timeouts"> {
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  /** From the arrival of a request to the end of waiting for its body and for the store. */
  readonly requestTimeoutMs: number;
  readonly version: string;
  readonly newCorrelationId: () => string;
  /** Absent where none are served here. */
  readonly metrics?: Metrics;
}

/** Answers requests; what `Deno.serve` needs and a test can call. */
export interface RestApp {
  fetch(request: Request): Response | Promise<Response>;
  /** Whether no request is in flight. */
  readonly isIdle: boolean;
  /** Resolves when no request is in flight; at once where none is now. */
  idle(): Promise<void>;
  /** Forgets all timeouts; for the end. */
  close(): void;
}

/** The REST interface over the cache; every failure becomes an answer. */
export function createRestApp(parts: RestAppParts): RestApp {
  const app = new Hono({ getPath: (request) => rawPath(request.url) });
  const timeouts = new TimeoutQueue({ clock: parts.clock, timeoutMs: parts.requestTimeoutMs });
  const inFlight = new InFlight();
  const responder = new Responder({ ...parts, timeouts, inFlight });
  for (const [path, methods] of Object.entries(statusRoutes(parts))) {
    app.all(path, ({ req }) => responder.respond(req.raw, methods));
  }
  if (parts.metrics !== undefined) {
    const methods = metricsRoute(parts.metrics);
    app.all(parts.metrics.path, ({ req }) => responder.respond(req.raw, methods));
  }
  const cache = cacheRoutes({ ...parts, timeouts });
  // One route for the whole tree: Hono tells no empty segments, and its parameters are decoded.
  app.all(`${CACHE_PATH}*`, ({ req }) => {
    const target = cacheTarget(req.path);
    return responder.respond(req.raw, target && cache[target.route]);
  });
  app.notFound(({ req }) => responder.respond(req.raw, undefined));
  return {
    fetch: (request) => app.fetch(request),
    get isIdle(): boolean {
      return inFlight.count === 0;
    },
    idle: () => inFlight.idle(),
    close: () => timeouts.stop(),
  };
}

interface ResponderParts extends RestAppParts {
  readonly timeouts: TimeoutQueue;
  readonly inFlight: InFlight;
}

/** The path of the URL is behind the host, which the server takes over as the client wrote it. */
const NO_HOST = /[/?#\\@\s]/;

const UTF8 = new TextEncoder();

class Responder {
  readonly #parts: ResponderParts;

  constructor(parts: ResponderParts) {
    this.#parts = parts;
  }

  /** Answers by the handler of the request's method; `methods` is absent for an unknown route. */
  async respond(request: Request, methods: Methods | undefined): Promise<Response> {
    const { clock, inFlight, requestTimeoutMs, newCorrelationId } = this.#parts;
    inFlight.begin();
    const exchange: Exchange = {
      request,
      path: rawPath(request.url),
      correlationId: correlationId(request.headers.get("x-correlation-id"), newCorrelationId),
      deadlineMs: clock.monotonicMs() + requestTimeoutMs,
    };
    let answer: Answer;
    try {
      checkHost(request.headers.get("host"));
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

  #response(
    { status, headers, body, heldBytes = 0 }: Answer,
    { request, correlationId }: Exchange,
  ): Response {
    headers["X-Correlation-ID"] = correlationId;
    headers["Cache-Control"] = "no-store";
    headers["X-Content-Type-Options"] = "nosniff";
    if (this.#parts.lifecycle.phase === "draining") headers["Connection"] = "close";
    if (request.method === "HEAD") {
      const length = typeof body === "string" ? utf8Length(body) : body.length;
      headers["Content-Length"] = `${length}`;
      this.#end(heldBytes);
      return new Response(null, { status, headers });
    }
    if (heldBytes === 0) {
      this.#end(heldBytes);
      return new Response(body, { status, headers });
    }
    const bytes = typeof body === "string" ? UTF8.encode(body) : body;
    headers["Content-Length"] = `${bytes.length}`;
    const { timeouts } = this.#parts;
    const stream = answerStream(bytes, { timeouts, onEnd: () => this.#end(heldBytes) });
    return new Response(stream, { status, headers });
  }

  #end(heldBytes: number): void {
    this.#parts.budget.release(heldBytes);
    this.#parts.inFlight.end();
  }
}

function checkHost(host: string | null): void {
  if (host === null || !NO_HOST.test(host)) return;
  throw new HttpError("invalid_request", "The Host header names no host.");
}

function handlerOf(method: string, methods: Methods | undefined): Handler {
  if (methods === undefined) throw new HttpError("not_found", "There is no such route.");
  const handler = methods.get(method);
  if (handler !== undefined) return handler;
  const allow = [...methods.keys()].join(", ");
  throw new HttpError("method_not_allowed", `This route allows ${allow}.`, { Allow: allow });
}
