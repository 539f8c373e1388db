import { AnonymousVerifier } from "./auth/anonymous_verifier.ts";
import { ScopePolicy } from "./auth/policy.ts";
import { CacheService } from "./cache/cache_service.ts";
import { Copies } from "./cache/copies.ts";
import type { Local } from "./cache/local.ts";
import { NearCache } from "./cache/near_cache.ts";
import { OutageJournal } from "./cache/outage_journal.ts";
import { Recovery } from "./cache/recovery.ts";
import type { Config } from "./config.ts";
import type { Clock, Random } from "./core/clock.ts";
import { Lifecycle } from "./core/lifecycle.ts";
import type { Limits } from "./core/limits.ts";
import { MemoryBudget } from "./core/memory_budget.ts";
import type { Logger } from "./core/telemetry.ts";
import { NoEnvelope } from "./crypto/no_envelope.ts";
import { type GrpcServer, startGrpcServer } from "./grpc/grpc_js_server.ts";
import { createHandlers } from "./grpc/service.ts";
import type { Metrics } from "./http/metrics_route.ts";
import { createRestApp } from "./http/rest_app.ts";
import { type RestServer, startRestServer } from "./http/rest_server.ts";
import { MemoryStore } from "./store/memory_store.ts";
import { RedisStore, type RedisStoreParts } from "./store/redis_store.ts";
import { systemClock, systemRandom } from "./system.ts";
import { LogTapeLogger } from "./telemetry/log_tape_logger.ts";
import { PrometheusMeter } from "./telemetry/prometheus_meter.ts";

/** What a start takes besides the settings; a test may bring its own clock and randomness. */
export interface AppParts {
  readonly logger: Logger;
  readonly version: string;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A running service. */
export interface App {
  /** The ports that are bound, also where the settings said 0. */
  readonly httpPort: number;
  readonly grpcPort: number;
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
  const { logLevel, logFormat } = config.telemetry;
  return LogTapeLogger.open({
    level: logLevel,
    format: logFormat,
    stream: Deno.stdout.writable,
    colour: Deno.stdout.isTerminal() && !Deno.noColor,
    clock: systemClock,
  });
}

/** Builds everything and binds both ports, or neither: rejects with `Deno.errors.AddrInUse`. */
export async function startApp(config: Config, parts: AppParts): Promise<App> {
  const { logger, version, clock = systemClock, random = systemRandom } = parts;
  const lifecycle = new Lifecycle();
  const meter = new PrometheusMeter();
  const limits: Limits = config.cache;
  const { store, local } = openStorage(config, { clock, random, logger });
  const service = new CacheService({
    store,
    ...(local === undefined ? {} : { local }),
    envelope: new NoEnvelope(),
    policy: new ScopePolicy(),
    limits,
    lifecycle,
    clock,
    logger,
    meter,
    writerId: random.uint32(),
  });
  const shared = {
    service,
    verifier: new AnonymousVerifier(),
    limits,
    lifecycle,
    clock,
    logger,
    budget: new MemoryBudget(config.server.maxInflightBytes),
    requestTimeoutMs: config.server.requestTimeoutMs,
    newCorrelationId: () => crypto.randomUUID(),
  };
  const { host, httpPort, grpcPort } = config.server;
  let rest: RestServer | undefined;
  let grpc: GrpcServer;
  try {
    rest = startRestServer(createRestApp({ ...shared, version, ...metricsOf(config, meter) }), {
      host,
      port: httpPort,
      clock,
      logger,
    });
    grpc = await startGrpcServer(createHandlers(shared), {
      ...shared,
      host,
      port: grpcPort,
      reflection: config.server.grpcReflection,
    });
  } catch (error) {
    await Promise.all([rest?.abort(), store.close()]);
    throw error;
  }
  if (store instanceof RedisStore) {
    await endsWithin(store.connected, { ms: REDIS_START_WAIT_MS, clock });
  }
  lifecycle.enter("serving");

  const drain = async (): Promise<boolean> => {
    lifecycle.enter("draining");
    grpc.drain();
    await new Promise<void>((resolve) => {
      clock.setTimer(resolve, config.server.drainDelayMs);
    });
    const endsAtMs = clock.monotonicMs() + config.server.gracefulTimeoutMs;
    const finished = Promise.all([rest.shutdown(), grpc.shutdown()]);
    const clean = await endsWithin(finished, { ms: config.server.gracefulTimeoutMs, clock });
    if (!clean) {
      grpc.abort();
      await rest.abort();
    }
    await local?.recovery.finish(Math.max(0, endsAtMs - clock.monotonicMs()));
    await store.close();
    return clean;
  };
  return { httpPort: rest.port, grpcPort: grpc.port, drain };
}

/** The metrics that REST serves, where it does. */
function metricsOf(
  { telemetry: { metricsEnabled, metricsPath } }: Config,
  meter: PrometheusMeter,
): { readonly metrics?: Metrics } {
  return metricsEnabled ? { metrics: { path: metricsPath, source: meter } } : {};
}

/** The store, and what this process keeps beside it where that is on. */
function openStorage(
  config: Config,
  parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): { readonly store: MemoryStore | RedisStore; readonly local: Local | undefined } {
  const { cache } = config;
  const { clock, logger } = parts;
  if (cache.backend === "memory") {
    const { maxMemoryBytes: maxBytes, tombstoneTtlMs } = cache;
    return { store: new MemoryStore({ clock, maxBytes, tombstoneTtlMs }), local: undefined };
  }
  if (!cache.localCacheEnabled) return { store: openRedis(config, parts), local: undefined };
  const copies: Local["copies"] = new Copies({
    near: new NearCache({
      policy: cache.evictionPolicy,
      maxEntries: cache.localCacheSize,
      maxBytes: cache.maxMemoryBytes,
      onEviction: () => {},
    }),
    clock,
    mode: cache.localCacheMode,
    maxAgeMs: cache.localMaxAgeMs,
  });
  const store = openRedis(config, { ...parts, listener: copies });
  const journal = new OutageJournal({
    maxEntries: cache.journalMaxEntries,
    maxBytes: cache.journalMaxBytes,
  });
  const recovery = new Recovery({ store, journal, copies, clock, logger });
  const acceptsWrites = cache.degradedWrites === "accept";
  const mode = () => store.tracking === "refused" ? "fallback" : cache.localCacheMode;
  return { store, local: { copies, journal, recovery, acceptsWrites, mode } };
}

function openRedis(config: Config, parts: RedisStoreParts): RedisStore {
  const { tlsEnabled, tlsCaFile, username, password, ...rest } = config.redis;
  const ca = tlsCaFile === undefined ? {} : { ca: Deno.readTextFileSync(tlsCaFile) };
  return new RedisStore({
    ...rest,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(tlsEnabled ? { tls: ca } : {}),
    tombstoneTtlMs: config.cache.tombstoneTtlMs,
    breaker: config.breaker,
  }, parts);
}

/** Whether `work` ends before `ms` milliseconds are over; waits for whichever comes first. */
function endsWithin(
  work: Promise<unknown>,
  { ms, clock }: { readonly ms: number; readonly clock: Clock },
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => resolve(false), ms);
    work.then(() => {
      timer.cancel();
      resolve(true);
    }, reject);
  });
}
