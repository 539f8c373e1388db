import { admit } from "../cache/admit.ts";
import type { CacheService } from "../cache/cache_service.ts";
import type { Call } from "../cache/call.ts";
import type { Clock } from "../core/clock.ts";
import { CacheError } from "../core/errors.ts";
import type { Operation, Policy } from "../core/principal.ts";
import type { Logger, LogLevel, Meter } from "../core/telemetry.ts";
import { type BodyOptions, withBody } from "./body.ts";
import {
  type Answer,
  type Exchange,
  type Handler,
  jsonAnswer,
  type LiveAnswer,
  methodsOf,
  type Route,
} from "./exchange.ts";
import { parseJsonBody } from "./json_body.ts";
import { bodyKind } from "./media_type.ts";
import { type OperationHandler, type OperationParts, operationsWith } from "./operation.ts";
import { decodeSegment } from "./raw_path.ts";
import { rewrapLines } from "./rewrap_lines.ts";
import { logLevelBody } from "./body_schemas.ts";

/** Below this path lie the calls on a whole namespace. */
export const ADMIN_PATH = "/api/v1/admin/";

const REWRAP_PATH = `${ADMIN_PATH}rewrap/`;
const MAX_LEVEL_BYTES = 1024;

/** What an operator may see and change of the process. */
export interface ProcessControl {
  /** All metrics as numbers. */
  stats(): Promise<object>;
  /** The least severe level that is logged. */
  logLevel: LogLevel;
}

/** What the admin routes are built from. */
export interface AdminRouteParts extends OperationParts, Pick<BodyOptions, "budget" | "timeouts"> {
  readonly service: CacheService;
  readonly policy: Policy;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly control: ProcessControl;
  readonly clock: Clock;
}

/** The route that a raw path below `ADMIN_PATH` names; nothing for no route. */
export type AdminRoutes = (path: string) => Route | undefined;

/** The routes that take the scope cache:admin. */
export function adminRoutes(parts: AdminRouteParts): AdminRoutes {
  const { control } = parts;
  const operation = operationsWith(parts);
  const ofProcess = (name: Operation, handler: OperationHandler): Handler =>
    operation(name, async (exchange, call) => {
      admit(call, { operation: name }, parts);
      return await handler(exchange, call);
    });
  const level = (): Answer => jsonAnswer(JSON.stringify({ level: control.logLevel }));
  const exact = new Map([
    route("stats", {
      GET: ofProcess("stats", async () => jsonAnswer(JSON.stringify(await control.stats()))),
    }),
    route("log-level", {
      GET: ofProcess("log_level", () => Promise.resolve(level())),
      PUT: ofProcess("log_level", ({ request }) => {
        bodyKind(request.headers, ["json"]);
        return withBody(request, (body) => {
          control.logLevel = parseJsonBody(logLevelBody, body).level;
          return Promise.resolve(level());
        }, { ...parts, maxBytes: MAX_LEVEL_BYTES, tooLarge: "value_too_large" });
      }),
    }),
  ]);
  const [, rewrap] = route("rewrap/{namespace}", {
    POST: operation("rewrap", (exchange, call) => rewrapAnswer(exchange, call, parts)),
  });
  return (path) => {
    const isRewrap = path.startsWith(REWRAP_PATH) && !path.includes("/", REWRAP_PATH.length);
    return isRewrap ? rewrap : exact.get(path);
  };
}

function route(path: string, methods: Parameters<typeof methodsOf>[0]): readonly [string, Route] {
  const template = ADMIN_PATH + path;
  return [template, { template, methods: methodsOf(methods) }];
}

async function rewrapAnswer(
  { path, correlationId }: Exchange,
  call: Call,
  { service, clock }: AdminRouteParts,
): Promise<LiveAnswer> {
  const namespace = decodeSegment(path.slice(REWRAP_PATH.length));
  if (namespace === undefined) {
    throw new CacheError(
      "invalid_namespace",
      "The namespace in the path is not percent-encoded UTF-8.",
    );
  }
  const run = await service.rewrap(namespace, call);
  return {
    status: 200,
    headers: { "Content-Type": "application/x-ndjson" },
    open: (onEnd) => rewrapLines(run, { clock, correlationId, onEnd }),
  };
}
