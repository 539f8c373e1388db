import type { CacheService } from "../cache/cache_service.ts";
import type { Call } from "../cache/call.ts";
import type { Clock } from "../core/clock.ts";
import { CacheError } from "../core/errors.ts";
import { type Exchange, type LiveAnswer, methodsOf, type Route } from "./exchange.ts";
import { type OperationParts, operationsWith } from "./operation.ts";
import { decodeSegment } from "./raw_path.ts";
import { rewrapLines } from "./rewrap_lines.ts";

/** Below this path lie the calls on a whole namespace. */
export const ADMIN_PATH = "/api/v1/admin/";

const REWRAP_PATH = `${ADMIN_PATH}rewrap/`;

/** What the admin routes are built from. */
export interface AdminRouteParts extends OperationParts {
  readonly service: CacheService;
  readonly clock: Clock;
}

/** The route that a raw path below `ADMIN_PATH` names; nothing for no route. */
export type AdminRoutes = (path: string) => Route | undefined;

/** The routes that take the scope cache:admin. */
export function adminRoutes(parts: AdminRouteParts): AdminRoutes {
  const operation = operationsWith(parts);
  const rewrap = {
    template: `${REWRAP_PATH}{namespace}`,
    methods: methodsOf({
      POST: operation("rewrap", (exchange, call) => rewrapAnswer(exchange, call, parts)),
    }),
  };
  return (path) => {
    const isRewrap = path.startsWith(REWRAP_PATH) && !path.includes("/", REWRAP_PATH.length);
    return isRewrap ? rewrap : undefined;
  };
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
