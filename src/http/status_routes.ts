import type { CacheService } from "../cache/cache_service.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import { jsonAnswer, type Methods, methodsOf } from "./exchange.ts";
import { openApiDocument } from "./openapi.ts";

/** The routes that say how the process does, by path; none asks for a token. */
export function statusRoutes(parts: {
  readonly service: CacheService;
  readonly lifecycle: Lifecycle;
  readonly version: string;
}): Readonly<Record<string, Methods>> {
  const { service, lifecycle, version } = parts;
  let openApiJson: string | undefined;
  return {
    "/health": methodsOf({ GET: () => jsonAnswer(healthJson(service, version)) }),
    "/live": methodsOf({ GET: () => jsonAnswer(phaseJson(lifecycle)) }),
    "/ready": methodsOf({
      GET: () =>
        jsonAnswer(phaseJson(lifecycle), { status: lifecycle.phase === "serving" ? 200 : 503 }),
    }),
    "/openapi.json": methodsOf({
      GET: () => jsonAnswer(openApiJson ??= JSON.stringify(openApiDocument(version))),
    }),
  };
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
