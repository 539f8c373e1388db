import type { App } from "../app.ts";
import type { Config } from "../config.ts";

/** What `dev` sets where the environment does not: open, on this machine only. */
export const DEV_DEFAULTS: Readonly<Record<string, string>> = {
  AUTH_ENABLED: "false",
  SERVER_HOST: "127.0.0.1",
  SERVER_DRAIN_DELAY: "0s",
  GRPC_REFLECTION: "true",
  LOG_FORMAT: "pretty",
};

/** Where the service listens, and lines to paste into a shell. */
export function devHints(config: Config, app: App): string {
  const host = bracketed(config.server.host);
  const base = `http://${host}:${app.httpPort}`;
  const entry = `${base}/api/v1/cache/demo/greeting`;
  const grpc = `grpcurl -plaintext -d`;
  const method = `${host}:${app.grpcPort} cache.v1.CacheService`;
  return `
  cache-service is running on the ${config.cache.backend} backend.

  REST     ${base}/api/v1/cache/{namespace}/{key}
  OpenAPI  ${base}/openapi.json
  Health   ${base}/health
  gRPC     ${host}:${app.grpcPort}

  Try:
    curl -X PUT ${entry} -H 'Content-Type: application/json' -d '{"value":"aGVsbG8=","ttl_seconds":60}'
    curl ${entry}
    ${grpc} '{"namespace":"demo","key":"greeting"}' ${method}/Get
    ${grpc} '{"namespace":"demo","key":"answer","value":"NDI="}' ${method}/Set

  Ctrl-C stops it.
`;
}

/** An address as URLs and `host:port` want it (RFC 3986, section 3.2.2). */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
