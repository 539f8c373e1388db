import type { Config } from "../config.ts";

/**
 * Settings that are known and checked, but that this version cannot carry out. To start anyway
 * would promise what does not hold: an open service believed closed, plain values believed sealed.
 */
export function unbuiltFaults(config: Config): string[] {
  const { auth, broker, cache, server, telemetry } = config;
  const unbuilt: readonly [boolean, string][] = [
    [auth.encryptionKeys.length > 0, "AUTH_ENCRYPTION_KEY"],
    [auth.encryptionKeyFile !== undefined, "AUTH_ENCRYPTION_KEY_FILE"],
    [cache.encryptNamespaces.length > 0, "CACHE_ENCRYPT_NAMESPACES"],
    [
      cache.backend === "memory" && cache.evictionPolicy !== "lru",
      `CACHE_EVICTION_POLICY=${cache.evictionPolicy} with CACHE_BACKEND=memory`,
    ],
    [broker.type !== "none", `BROKER_TYPE=${broker.type}`],
    [server.tlsCertFile !== undefined, "SERVER_TLS_CERT_FILE"],
    [telemetry.metricsPort !== undefined, "METRICS_PORT"],
    [telemetry.tracingEnabled, "TRACING_ENABLED"],
  ];
  const faults = unbuilt.filter(([isSet]) => isSet)
    .map(([, setting]) => `${setting}: this version does not have it yet`);
  if (!auth.enabled) return faults;
  return ["AUTH_ENABLED=true: this version cannot check tokens; set AUTH_ENABLED=false", ...faults];
}
