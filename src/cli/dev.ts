import type { App } from "../app.ts";
import type { Config } from "../config.ts";
import { hostPort } from "../core/host_port.ts";

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
  const { host } = config.server;
  const base = `http://${hostPort(host, app.httpPort)}`;
  const entry = `${base}/api/v1/cache/demo/greeting`;
  const grpc = `grpcurl -plaintext -d`;
  const grpcAddress = app.grpcPort === undefined ? "unavailable" : hostPort(host, app.grpcPort);
  const method = `${grpcAddress} cache.v1.CacheService`;
  return `
  cache-service is running on the ${config.cache.backend} backend.

  REST     ${base}/api/v1/cache/{namespace}/{key}
  OpenAPI  ${base}/openapi.json
  Health   ${base}/health
  gRPC     ${grpcAddress}

  Try:
    curl -X PUT ${entry} -H 'Content-Type: application/json' -d '{"value":"aGVsbG8=","ttl_seconds":60}'
    curl ${entry}
    ${grpc} '{"namespace":"demo","key":"greeting"}' ${method}/Get
    ${grpc} '{"namespace":"demo","key":"answer","value":"NDI="}' ${method}/Set

  Ctrl-C stops it.
`;
}
