import { ScopePolicy } from "./auth/policy.ts";
import { openBus } from "./app/open_bus.ts";
import { followEvents } from "./app/follow_events.ts";
import { openIdentity } from "./app/open_identity.ts";
import { openKeys } from "./app/open_keys.ts";
import { openStorage } from "./app/open_storage.ts";
import { openTls } from "./app/open_tls.ts";
import { openTracer } from "./app/open_tracer.ts";
import { CacheService } from "./cache/cache_service.ts";
import type { Config } from "./config.ts";
import type { Clock, Random } from "./core/clock.ts";
import { Concurrency } from "./core/concurrency.ts";
import { Lifecycle } from "./core/lifecycle.ts";
import type { Limits } from "./core/limits.ts";
import { MemoryBudget } from "./core/memory_budget.ts";
import { settlesWithin } from "./core/settles_within.ts";
import type { Logger, LogLevel, Meter } from "./core/telemetry.ts";
import { AesGcmEnvelope } from "./crypto/aes_gcm_envelope.ts";
import { canServeGrpc } from "./grpc/deno_version.ts";
import { startGrpcServer } from "./grpc/grpc_js_server.ts";
import { createHandlers } from "./grpc/service.ts";
import type { ProcessControl } from "./http/admin_routes.ts";
import { createRestApp, type RestAppParts } from "./http/rest_app.ts";
import { type RestServer, startRestServer } from "./http/rest_server.ts";
import { MemoryStore } from "./store/memory_store.ts";
import { systemClock, systemRandom } from "./system.ts";
import { type ObserverParts, OperationObserver } from "./telemetry/operation_observer.ts";
import { LogTapeLogger } from "./telemetry/log_tape_logger.ts";
import { NoMeter } from "./telemetry/no_meter.ts";
import { PrometheusMeter } from "./telemetry/prometheus_meter.ts";

/** What a start takes besides the settings; a test may bring its own clock and randomness. */
export interface AppParts {
  readonly logger: Logger;
  /** Writes a line for each operation; absent where that is not wanted. */
  readonly requestLog?: NonNullable<ObserverParts["log"]>;
  /** How many lines of the log were dropped so far. */
  readonly droppedLogLines?: () => number;
  /** The level that is logged, which the admin routes change. */
  readonly levels?: { level: LogLevel };
  readonly version: string;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A running service. */
export interface App {
  /** The ports that are bound, also where the settings said 0. */
  readonly httpPort: number;
  /** Absent where this version of Deno cannot serve gRPC. */
  readonly grpcPort: number | undefined;
  /** Where metrics and admin routes are; the HTTP port unless they have one of their own. */
  readonly metricsPort: number;
  /** Looks at once whether files that may change have changed. Never rejects. */
  reload(): Promise<void>;
  /**
   * Ends the service: not ready any more, still serving for the drain delay, then finishing what is
   * in flight within the graceful timeout. Resolves when all is closed; true where nothing was cut.
   */
  drain(): Promise<boolean>;
}

/** How long the start waits for Redis before it serves without: probes come soon, Redis may not. */
const REDIS_START_WAIT_MS = 1000;

/** Opens the log that the settings ask for, on standard output; close it last. */
export function openLogger(config: Config): Promise<LogTapeLogger> {
  const { logLevel, logFormat, logRequests, logKeys } = config.telemetry;
  return LogTapeLogger.open({
    level: logLevel,
    format: logFormat,
    logRequests,
    hashKeys: logKeys === "hash",
    stream: Deno.stdout.writable,
    colour: Deno.stdout.isTerminal() && !Deno.noColor,
    clock: systemClock,
  });
}

/**
 * Builds everything and binds its ports, or none, of settings in which `contentFaults` finds nothing.
 * Rejects with `Deno.errors.AddrInUse` and with a `BindError`.
 */
export async function startApp(config: Config, parts: AppParts): Promise<App> {
  const opened = new AsyncDisposableStack();
  try {
    return await start(config, { ...parts, opened });
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

/** What is opened for as long as the service runs goes to `opened`. */
async function start(
  config: Config,
  parts: AppParts & { readonly opened: AsyncDisposableStack },
): Promise<App> {
  const { logger, version, opened, clock = systemClock, random = systemRandom } = parts;
  const ambient = { clock, random, logger };
  const { host, httpPort, grpcPort, requestTimeoutMs } = config.server;
  const lifecycle = new Lifecycle();
  const prometheus = config.telemetry.metricsEnabled ? new PrometheusMeter() : undefined;
  const meter: Meter = prometheus ?? new NoMeter();
  const tracer = await openTracer(config, { ...ambient, version });
  opened.defer(() => tracer?.close());
  const limits: Limits = config.cache;
  const { store, local, gauges } = await openStorage(config, { ...ambient, meter });
  opened.defer(() => store.close());
  const onFailure = meter.authFailure.bind(meter);
  const identity = await openIdentity(config, { ...ambient, onFailure });
  opened.defer(() => identity.close());
  const onRemoved = (): void => local?.copies.allChanged();
  const keys = await openKeys(config, { ...ambient, onRemoved });
  opened.defer(() => keys.close());
  const tls = await openTls(config, ambient);
  opened.defer(() => tls?.close());
  const bus = await openBus(config, { ...ambient, meter });
  opened.defer(() => bus.close());
  const envelope = new AesGcmEnvelope({
    ring: keys.ring,
    random,
    sealedNamespaces: config.cache.encryptNamespaces,
    onDecryptionFailure: () => meter.decryptionFailure(),
  });
  followEvents(config, { bus, store, envelope, copies: local?.copies, limits, clock, meter });
  const policy = new ScopePolicy();
  const service = new CacheService({
    store,
    ...(local === undefined ? {} : { local }),
    bus,
    envelope,
    policy,
    limits,
    lifecycle,
    clock,
    logger,
    meter,
    writerId: random.uint32(),
  });
  prometheus?.watch({
    ...gauges,
    isDegraded: () => service.health().degraded,
    droppedLogLines: () => parts.droppedLogLines?.() ?? 0,
  });
  const shared = {
    service,
    observer: new OperationObserver({
      meter,
      ...(parts.requestLog === undefined ? {} : { log: parts.requestLog }),
      ...(tracer === undefined ? {} : { tracer }),
    }),
    meter,
    verifier: identity.verifier,
    limits,
    lifecycle,
    clock,
    logger,
    concurrency: new Concurrency(config.server.maxConcurrent),
    budget: new MemoryBudget(config.server.maxInflightBytes),
    requestTimeoutMs,
    newCorrelationId: () => crypto.randomUUID(),
  };
  const listening = { ...shared, host, ...(tls === undefined ? {} : { tls }) };
  const levels = parts.levels ?? { level: config.telemetry.logLevel };
  const control: ProcessControl = {
    stats: () => prometheus?.stats() ?? Promise.resolve({}),
    get logLevel() {
      return levels.level;
    },
    set logLevel(level) {
      levels.level = level;
    },
  };
  const restParts = { ...shared, policy, control, version };
  const { metricsPort } = config.telemetry;
  const metrics = prometheus === undefined
    ? {}
    : { metrics: { path: config.telemetry.metricsPath, source: prometheus } };
  const startRest = async (
    port: number,
    routes: Pick<RestAppParts, "serves" | "metrics">,
  ): Promise<RestServer> => {
    const server = await startRestServer(createRestApp({ ...restParts, ...routes }), {
      ...listening,
      port,
    });
    opened.defer(() => server.abort());
    return server;
  };
  const rest = metricsPort === undefined
    ? await startRest(httpPort, { serves: "all", ...metrics })
    : await startRest(httpPort, { serves: "cache" });
  const admin = metricsPort === undefined
    ? undefined
    : await startRest(metricsPort, { serves: "admin", ...metrics });
  const servesGrpc = canServeGrpc(Deno.version.deno);
  if (!servesGrpc) {
    logger.error("gRPC is unavailable: this version of Deno cannot serve it.", {
      deno: Deno.version.deno,
    });
  }
  const grpc = servesGrpc
    ? await startGrpcServer(createHandlers(shared), {
      ...listening,
      port: grpcPort,
      reflection: config.server.grpcReflection,
    })
    : undefined;
  if (!(store instanceof MemoryStore)) {
    await settlesWithin(store.connected, { ms: REDIS_START_WAIT_MS, clock });
  }
  lifecycle.enter("serving");

  const drain = async (): Promise<boolean> => {
    lifecycle.enter("draining");
    grpc?.drain();
    await new Promise<void>((resolve) => {
      clock.setTimer(resolve, config.server.drainDelayMs);
    });
    const endsAtMs = clock.monotonicMs() + config.server.gracefulTimeoutMs;
    const finished = Promise.all([rest.shutdown(), grpc?.shutdown()]);
    const clean = await settlesWithin(finished, { ms: config.server.gracefulTimeoutMs, clock });
    if (clean) await finished;
    else {
      grpc?.abort();
      await rest.abort();
    }
    await local?.recovery.finish(Math.max(0, endsAtMs - clock.monotonicMs()));
    await opened.disposeAsync();
    return clean;
  };
  const reload = async (): Promise<void> => {
    await Promise.all([identity.look(), keys.look(), tls?.look()]);
  };
  return {
    httpPort: rest.port,
    grpcPort: grpc?.port,
    metricsPort: (admin ?? rest).port,
    reload,
    drain,
  };
}
