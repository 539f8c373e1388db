import type { CacheService } from "../cache/cache_service.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import { jsonAnswer, type Methods, methodsOf } from "./exchange.ts";

/** The routes that say how the process does, by path; none asks for a token. */
export function statusRoutes(parts: {
  readonly service: CacheService;
  readonly lifecycle: Lifecycle;
  readonly version: string;
}): Readonly<Record<string, Methods>> {
  const { service, lifecycle, version } = parts;
  let openApiJson: Promise<string> | undefined;
  return {
    "/health": methodsOf({ GET: () => jsonAnswer(healthJson(service, version)) }),
    "/live": methodsOf({ GET: () => jsonAnswer(phaseJson(lifecycle)) }),
    "/ready": methodsOf({
      GET: () =>
        jsonAnswer(phaseJson(lifecycle), { status: lifecycle.phase === "serving" ? 200 : 503 }),
    }),
    "/openapi.json": methodsOf({
      GET: async () => jsonAnswer(await (openApiJson ??= makeOpenApiJson(version))),
    }),
  };
}

/** The schemas take long to make, so only who asks for the document waits for that. */
async function makeOpenApiJson(version: string): Promise<string> {
  const { openApiDocument } = await import("./openapi.ts");
  return JSON.stringify(openApiDocument(version));
}

function healthJson(service: CacheService, version: string): string {
  const health = service.health();
  return JSON.stringify({
    healthy: health.healthy,
    status: health.degraded ? "degraded" : "ok",
    redis_status: health.redisStatus,
    broker_status: health.brokerStatus,
    local_cache_enabled: health.localCacheEnabled,
    local_cache_mode: health.localCacheMode,
    version,
  });
}

function phaseJson(lifecycle: Lifecycle): string {
  return JSON.stringify({ status: lifecycle.phase });
}
