import type { Verifier } from "../auth/verifier.ts";
import type { CacheService } from "../cache/cache_service.ts";
import type { Clock } from "../core/clock.ts";
import { CacheError } from "../core/errors.ts";
import { type Exchange, type LiveAnswer, type Methods, methodsOf } from "./exchange.ts";
import { decodeSegment } from "./raw_path.ts";
import { rewrapLines } from "./rewrap_lines.ts";

/** Below this path lie the calls on a whole namespace. */
export const ADMIN_PATH = "/api/v1/admin/";

const REWRAP_PATH = `${ADMIN_PATH}rewrap/`;

/** What the admin routes are built from. */
export interface AdminRouteParts {
  readonly service: CacheService;
  readonly verifier: Verifier;
  readonly clock: Clock;
}

/** The methods of the route that a raw path below `ADMIN_PATH` names; nothing for no route. */
export type AdminRoutes = (path: string) => Methods | undefined;

/** The routes that take the scope cache:admin. */
export function adminRoutes(parts: AdminRouteParts): AdminRoutes {
  const rewrap = methodsOf({ POST: (exchange) => rewrapAnswer(exchange, parts) });
  return (path) => {
    const isRewrap = path.startsWith(REWRAP_PATH) && !path.includes("/", REWRAP_PATH.length);
    return isRewrap ? rewrap : undefined;
  };
}

async function rewrapAnswer(
  { path, request, correlationId, deadlineMs }: Exchange,
  { service, verifier, clock }: AdminRouteParts,
): Promise<LiveAnswer> {
  const authorization = request.headers.get("authorization") ?? undefined;
  const principal = await verifier.verify(authorization);
  const namespace = decodeSegment(path.slice(REWRAP_PATH.length));
  if (namespace === undefined) {
    throw new CacheError(
      "invalid_namespace",
      "The namespace in the path is not percent-encoded UTF-8.",
    );
  }
  const run = await service.rewrap(namespace, { principal, correlationId, deadlineMs });
  return {
    status: 200,
    headers: { "Content-Type": "application/x-ndjson" },
    open: (onEnd) => rewrapLines(run, { clock, correlationId, onEnd }),
  };
}
