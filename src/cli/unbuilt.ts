import type { Config } from "../config.ts";

/**
 * Settings that are known and checked, but that this version cannot carry out. To start anyway
 * would promise what does not hold: an open service believed closed, plain values believed sealed.
 */
export function unbuiltFaults(config: Config): string[] {
  const { broker, cache, server, telemetry } = config;
  const unbuilt: readonly [boolean, string][] = [
    [
      cache.backend === "memory" && cache.evictionPolicy !== "lru",
      `CACHE_EVICTION_POLICY=${cache.evictionPolicy} with CACHE_BACKEND=memory`,
    ],
    [broker.type !== "none", `BROKER_TYPE=${broker.type}`],
    [server.tlsCertFile !== undefined, "SERVER_TLS_CERT_FILE"],
    [telemetry.metricsPort !== undefined, "METRICS_PORT"],
    [telemetry.tracingEnabled, "TRACING_ENABLED"],
  ];
  return unbuilt.filter(([isSet]) => isSet)
    .map(([, setting]) => `${setting}: this version does not have it yet`);
}
