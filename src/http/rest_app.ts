import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";
import type { Clock } from "../core/clock.ts";
import { correlationId } from "../core/correlation.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import type { Logger, Meter } from "../core/telemetry.ts";
import { utf8Length } from "../core/key.ts";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import { ADMIN_PATH, type AdminRouteParts, adminRoutes } from "./admin_routes.ts";
import { answerStream } from "./answer_stream.ts";
import { type CacheRouteParts, cacheRoutes } from "./cache_routes.ts";
import type {
  Answer,
  Exchange,
  Handler,
  LiveAnswer,
  Methods,
  ReadyAnswer,
  Route,
} from "./exchange.ts";
import { failureFields } from "../core/failure_fields.ts";
import { InFlight } from "./in_flight.ts";
import { type Metrics, metricsRoute } from "./metrics_route.ts";
import { HttpError, problemAnswer, problemCode } from "./problem.ts";
import { CACHE_PATH, cacheTarget, rawPath } from "./raw_path.ts";
import type { RestRequest } from "./rest_request.ts";
import { statusRoutes } from "./status_routes.ts";

/** What the REST interface is built from. */
export interface RestAppParts
  extends Omit<CacheRouteParts, "timeouts">, Omit<AdminRouteParts, "timeouts"> {
  /** Which routes there are, besides those that say how the process does. */
  readonly serves: "all" | "cache" | "admin";
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  readonly meter: Meter;
  /** From the arrival of a request to the end of waiting for its body and for the store. */
  readonly requestTimeoutMs: number;
  readonly version: string;
  readonly newCorrelationId: () => string;
  /** Absent where none are served here. */
  readonly metrics?: Metrics;
}

/** Answers requests, of a server or of a test. */
export interface RestApp {
  answer(request: RestRequest): Promise<ReadyAnswer>;
  /** Whether no request is in flight. */
  readonly isIdle: boolean;
  /** Resolves when no request is in flight; at once where none is now. */
  idle(): Promise<void>;
  /** Forgets all timeouts; for the end. */
  close(): void;
}

/** The REST interface over the cache; every failure becomes an answer. */
export function createRestApp(parts: RestAppParts): RestApp {
  const router = createRouter();
  const timeouts = new TimeoutQueue({ clock: parts.clock, timeoutMs: parts.requestTimeoutMs });
  const inFlight = new InFlight();
  const responder = new Responder({ ...parts, timeouts, inFlight });
  for (const [template, methods] of Object.entries(statusRoutes(parts))) {
    const route = { template, methods };
    router.add("ALL", template, () => route);
  }
  if (parts.metrics !== undefined) {
    const route = { template: parts.metrics.path, methods: metricsRoute(parts.metrics) };
    router.add("ALL", parts.metrics.path, () => route);
  }
  if (parts.serves !== "admin") {
    const cache = cacheRoutes({ ...parts, timeouts });
    // One route for the whole tree: Hono tells no empty segments, and its parameters are decoded.
    router.add("ALL", `${CACHE_PATH}*`, (path) => {
      const target = cacheTarget(path);
      return target && cache[target.route];
    });
  }
  if (parts.serves !== "cache") {
    router.add("ALL", `${ADMIN_PATH}*`, adminRoutes({ ...parts, timeouts }));
  }
  return {
    answer: (request) => {
      const path = rawPath(request.url);
      const find = router.match("ALL", path)[0][0]?.[0];
      return responder.respond(request, { path, route: find?.(path) });
    },
    get isIdle(): boolean {
      return inFlight.count === 0;
    },
    idle: () => inFlight.idle(),
    close: () => timeouts.stop(),
  };
}

/** The route that a raw path leads to. */
type FindRoute = (path: string) => Route | undefined;

/** The router that Hono has; the rest of it would cost a web `Request` and `Response` a call. */
function createRouter(): SmartRouter<FindRoute> {
  return new SmartRouter<FindRoute>({ routers: [new RegExpRouter(), new TrieRouter()] });
}

interface ResponderParts extends RestAppParts {
  readonly timeouts: TimeoutQueue;
  readonly inFlight: InFlight;
}

/** The path of the URL is behind the host, which the server takes over as the client wrote it. */
const NO_HOST = /[/?#\\@\s]/;

/** Methods that have a label of their own. */
const METHODS = new Set(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]);

const UTF8 = new TextEncoder();

class Responder {
  readonly #parts: ResponderParts;

  constructor(parts: ResponderParts) {
    this.#parts = parts;
  }

  /** Answers by the handler of the request's method; `route` is absent for an unknown one. */
  async respond(
    request: RestRequest,
    { path, route }: { readonly path: string; readonly route: Route | undefined },
  ): Promise<ReadyAnswer> {
    const { clock, inFlight, meter, observer, requestTimeoutMs, newCorrelationId } = this.#parts;
    inFlight.begin();
    const arrivedAtMs = clock.monotonicMs();
    const exchange: Exchange = {
      request,
      path,
      correlationId: correlationId(request.headers.get("x-correlation-id"), newCorrelationId),
      arrivedAtMs,
      deadlineMs: arrivedAtMs + requestTimeoutMs,
    };
    let answer: Answer | LiveAnswer;
    try {
      checkHost(request.headers.get("host"));
      answer = await handlerOf(request.method, route?.methods)(exchange);
    } catch (error) {
      answer = problemAnswer(error, exchange.correlationId);
      if (exchange.record !== undefined) exchange.record.outcome = problemCode(error);
      if (answer.status === 500) {
        this.#parts.logger.error("A REST request failed.", {
          correlation_id: exchange.correlationId,
          ...failureFields(error),
        });
      }
    }
    const { status } = answer;
    const atMs = clock.monotonicMs();
    if (exchange.record !== undefined) observer.end(exchange.record, { status, atMs });
    meter.httpRequest({
      route: route?.template ?? "none",
      method: METHODS.has(request.method) ? request.method : "other",
      status,
    }, (atMs - arrivedAtMs) / 1000);
    return this.#ready(answer, exchange);
  }

  #ready(answer: Answer | LiveAnswer, { request, correlationId }: Exchange): ReadyAnswer {
    const { status, headers } = answer;
    headers["X-Correlation-ID"] = correlationId;
    headers["Cache-Control"] = "no-store";
    headers["X-Content-Type-Options"] = "nosniff";
    if (this.#parts.lifecycle.phase === "draining") headers["Connection"] = "close";
    if ("open" in answer) {
      return { status, headers, body: answer.open(() => this.#end(0)) };
    }
    const { body, heldBytes = 0 } = answer;
    if (request.method === "HEAD") {
      const length = typeof body === "string" ? utf8Length(body) : body.length;
      headers["Content-Length"] = `${length}`;
      this.#end(heldBytes);
      return { status, headers, body: "" };
    }
    if (heldBytes === 0) {
      this.#end(heldBytes);
      return { status, headers, body };
    }
    const bytes = typeof body === "string" ? UTF8.encode(body) : body;
    headers["Content-Length"] = `${bytes.length}`;
    const { timeouts } = this.#parts;
    const stream = answerStream(bytes, { timeouts, onEnd: () => this.#end(heldBytes) });
    return { status, headers, body: stream };
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
