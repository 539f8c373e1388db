import { type App, type AppParts, startApp } from "../../src/app.ts";
import { contentFaults } from "../../src/app/content_faults.ts";
import { ConfigFaults, parseConfig } from "../../src/config.ts";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { silentLogger } from "./silent.ts";

/** A whole service in this process, and a client for each of its transports. */
export interface TestApp extends AsyncDisposable {
  readonly app: App;
  readonly origin: string;
  readonly grpcAddress: string;
  readonly rest: RestDriver;
  readonly grpc: GrpcDriver;
}

/** Starts the service on free loopback ports; `env` adds to settings for the memory backend. */
export async function startTestApp(
  env: Readonly<Record<string, string>> = {},
  parts: Partial<AppParts> = {},
): Promise<TestApp> {
  const parsed = parseConfig({
    CACHE_BACKEND: env.REDIS_ADDRESSES === undefined ? "memory" : "redis",
    AUTH_ENABLED: "false",
    SERVER_HOST: "127.0.0.1",
    SERVER_HTTP_PORT: "0",
    SERVER_GRPC_PORT: "0",
    SERVER_DRAIN_DELAY: "0s",
    SERVER_GRACEFUL_TIMEOUT: "5s",
    REDIS_POOL_SIZE: "3",
    ...env,
  }, { readFile: (path) => Deno.readTextFileSync(path) });
  if (parsed instanceof ConfigFaults) throw parsed;
  const faults = await contentFaults(parsed.config);
  if (faults.length > 0) throw new ConfigFaults(faults, parsed.config);
  const app = await startApp(parsed.config, { logger: silentLogger, version: "test", ...parts });
  const origin = `http://127.0.0.1:${app.httpPort}`;
  const grpcAddress = `127.0.0.1:${app.grpcPort}`;
  const rest = new RestDriver(origin);
  const grpc = new GrpcDriver(grpcAddress);
  return {
    app,
    origin,
    grpcAddress,
    rest,
    grpc,
    async [Symbol.asyncDispose](): Promise<void> {
      grpc.close();
      await app.drain();
    },
  };
}
