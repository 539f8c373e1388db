import { constants } from "node:http2";
import grpc from "@grpc/grpc-js";
import { BindError } from "../core/bind_error.ts";
import type { Clock } from "../core/clock.ts";
import { hostPort } from "../core/host_port.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import type { Limits } from "../core/limits.ts";
import type { MemoryBudget } from "../core/memory_budget.ts";
import type { Logger, Meter } from "../core/telemetry.ts";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import type { TlsFiles } from "../core/tls_files.ts";
import { registerCache } from "./cache_rpcs.ts";
import { callEnvelope } from "./call_envelope.ts";
import { CONNECTION_LIMITS, type ConnectionLimits, Connections } from "./connections.ts";
import { abortsUnderGrpc } from "./deno_version.ts";
import { HealthService } from "./health.ts";
import { registerHealth } from "./health_rpcs.ts";
import { keepListening } from "./keep_listening.ts";
import { loadSchema } from "./schema.ts";
import type { Handlers } from "./service.ts";
import { listenersOf, sessionsOf } from "./sessions.ts";
import { TlsCredentials } from "./tls_credentials.ts";

const MAX_HEALTH_WATCHERS = 1000;
/** Calls that one connection may have in flight; a client queues the rest or opens another. */
const MAX_CONCURRENT_STREAMS = 256;
/** A client that does not answer a ping is gone, and its streams with it. */
const KEEPALIVE_TIME_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** What a map entry takes beside its key and value, and a request beside its entries. */
const ENTRY_OVERHEAD_BYTES = 16;
const REQUEST_OVERHEAD_BYTES = 1024;
/** A GOAWAY with this stream id refuses nothing that is on its way already. */
const ALL_STREAMS = 2 ** 31 - 1;

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Absent for plain HTTP/2. New connections get the pair that is current. */
  readonly tls?: TlsFiles;
  readonly connectionLimits?: ConnectionLimits;
  readonly limits: Limits;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  /** How long a request may take to come, and an answer to be taken. */
  readonly requestTimeoutMs: number;
  /** Holds the bytes of requests that are still coming, and of answers on their way. */
  readonly budget: MemoryBudget;
  /** Whether clients may ask for the schema. */
  readonly reflection: boolean;
  /** For calls that bring no correlation id. */
  readonly newCorrelationId: () => string;
  readonly logger: Logger;
  readonly meter: Pick<Meter, "rpc">;
}

/** A server that listens. */
export interface GrpcServer {
  readonly port: number;
  /** Asks the connected clients to go elsewhere (GOAWAY); what they still send is served. */
  drain(): void;
  /** Stops listening and resolves when the calls in flight are answered. */
  shutdown(): Promise<void>;
  /** Ends all connections at once. */
  abort(): void;
}

/**
 * Serves `handlers`, health checks and, where wanted, reflection by grpc-js. Rejects with
 * `Deno.errors.AddrInUse` where another program listens on the port, else with a `BindError`.
 */
export async function startGrpcServer(
  handlers: Handlers,
  options: GrpcServerOptions,
): Promise<GrpcServer> {
  const { budget, clock, connectionLimits = CONNECTION_LIMITS, logger, tls } = options;
  // What the library logs may hold metadata, such as tokens.
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  if (abortsUnderGrpc(Deno.version.deno)) {
    logger.warn("This version of Deno may abort under gRPC load.", { deno: Deno.version.deno });
  }
  const timeouts = new TimeoutQueue({ clock, timeoutMs: options.requestTimeoutMs });
  const connections = new Connections(connectionLimits, { clock });
  const health = new HealthService({
    lifecycle: options.lifecycle,
    maxWatchers: MAX_HEALTH_WATCHERS,
  });
  const maxRequestBytes = largestRequestBytes(options.limits);
  const envelope = callEnvelope({
    newCorrelationId: options.newCorrelationId,
    maxRequestBytes,
    clock,
    arrivals: { budget, timeouts },
    departures: { budget, timeouts, connections },
    meter: options.meter,
  });
  const server = new grpc.Server({
    "grpc.max_receive_message_length": maxRequestBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": MAX_CONCURRENT_STREAMS,
    "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.max_connection_idle_ms": connectionLimits.idleTimeoutMs,
    "grpc.enable_channelz": 0,
    interceptors: [envelope],
  });
  register(server, { handlers, health, options });
  if (options.reflection) {
    // Its descriptors take long to load, so only who uses it waits for that.
    const { addReflection } = await import("./reflection.ts");
    addReflection(server);
  }
  const { helloTimeoutMs: handshakeTimeoutMs } = connectionLimits;
  const credentials = tls === undefined
    ? grpc.ServerCredentials.createInsecure()
    : new TlsCredentials(tls, { handshakeTimeoutMs });
  const stop = (): void => {
    timeouts.stop();
    connections.close();
  };
  const port = await bind(server, { ...options, credentials }).catch((error) => {
    stop();
    throw error;
  });
  const watches = listenersOf(server).map((listener) => {
    connections.watch(listener, { isSecure: tls !== undefined });
    return keepListening(listener, { clock, logger });
  });
  return {
    port,
    drain: () => {
      for (const session of sessionsOf(server)) {
        if (!session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, ALL_STREAMS);
      }
    },
    shutdown: () => {
      for (const watch of watches) watch.close();
      health.close();
      return new Promise((resolve, reject) => {
        server.tryShutdown((error) => {
          stop();
          if (error === undefined) resolve();
          else reject(error);
        });
      });
    },
    abort: () => {
      for (const watch of watches) watch.close();
      stop();
      const sessions = sessionsOf(server);
      server.forceShutdown();
      // Deno regards the code only where there is an error.
      const reason = new Error("The server stops.");
      for (const session of sessions) session.destroy(reason, constants.NGHTTP2_CANCEL);
    },
  };
}

function register(
  server: grpc.Server,
  { handlers, health, options: { limits } }: {
    readonly handlers: Handlers;
    readonly health: HealthService;
    readonly options: GrpcServerOptions;
  },
): void {
  const schema = loadSchema({ keepCase: false });
  registerCache(server, { handlers, schema, maxBatchKeys: limits.maxBatchKeys });
  registerHealth(server, { health, schema });
}

function largestRequestBytes(limits: Limits): number {
  const { maxBatchBytes, maxBatchKeys, maxKeyBytes, maxValueBytes } = limits;
  const entryBytes = maxKeyBytes + ENTRY_OVERHEAD_BYTES;
  const payloadBytes = Math.max(maxValueBytes, maxBatchBytes);
  return payloadBytes + maxBatchKeys * entryBytes + REQUEST_OVERHEAD_BYTES;
}

function bind(
  server: grpc.Server,
  { host, port, credentials }: {
    readonly host: string;
    readonly port: number;
    readonly credentials: grpc.ServerCredentials;
  },
): Promise<number> {
  const wanted = hostPort(host, port);
  return new Promise((resolve, reject) => {
    server.bindAsync(wanted, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(bindFailure(error, wanted));
    });
  });
}

function bindFailure(error: Error, address: string): Error {
  const what = `gRPC cannot listen on ${address}`;
  if (error.message.includes("EADDRINUSE")) {
    return new Deno.errors.AddrInUse(`${what}: it is in use.`);
  }
  return new BindError(`${what}: ${error.message}`, { cause: error });
}
