import { Buffer } from "node:buffer";
import { constants } from "node:http2";
import grpc from "@grpc/grpc-js";
import { BindError } from "../core/bind_error.ts";
import type { Clock } from "../core/clock.ts";
import { hostPort } from "../core/host_port.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import type { Limits } from "../core/limits.ts";
import type { MemoryBudget } from "../core/memory_budget.ts";
import type { Logger } from "../core/telemetry.ts";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import { registerCache } from "./cache_rpcs.ts";
import { callEnvelope } from "./call_envelope.ts";
import { abortsUnderGrpc } from "./deno_version.ts";
import { HealthService } from "./health.ts";
import { registerHealth } from "./health_rpcs.ts";
import { addReflection } from "./reflection.ts";
import { loadSchema } from "./schema.ts";
import type { Handlers } from "./service.ts";
import { sessionsOf } from "./sessions.ts";

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
  readonly tls?: { readonly certificatePem: string; readonly keyPem: string };
  readonly limits: Limits;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  /** How long a request may take to come. */
  readonly requestTimeoutMs: number;
  /** Holds the bytes of requests that are still coming. */
  readonly budget: MemoryBudget;
  /** Whether clients may ask for the schema. */
  readonly reflection: boolean;
  /** For calls that bring no correlation id. */
  readonly newCorrelationId: () => string;
  readonly logger: Logger;
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
  const { budget, clock, lifecycle, limits, logger, newCorrelationId } = options;
  // What the library logs may hold metadata, such as tokens.
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  if (abortsUnderGrpc(Deno.version.deno)) {
    logger.warn("This version of Deno may abort under gRPC load.", { deno: Deno.version.deno });
  }
  const maxRequestBytes = largestRequestBytes(limits);
  const timeouts = new TimeoutQueue({ clock, timeoutMs: options.requestTimeoutMs });
  const envelope = callEnvelope({
    newCorrelationId,
    maxRequestBytes,
    clock,
    arrivals: { budget, timeouts },
  });
  const server = new grpc.Server({
    "grpc.max_receive_message_length": maxRequestBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": MAX_CONCURRENT_STREAMS,
    "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.enable_channelz": 0,
    interceptors: [envelope],
  });
  const schema = loadSchema({ keepCase: false });
  registerCache(server, { handlers, schema, maxBatchKeys: limits.maxBatchKeys });
  const health = new HealthService({ lifecycle, maxWatchers: MAX_HEALTH_WATCHERS });
  registerHealth(server, { health, schema });
  if (options.reflection) addReflection(server);
  const port = await bind(server, options);
  return {
    port,
    drain: () => {
      for (const session of sessionsOf(server)) {
        if (!session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, ALL_STREAMS);
      }
    },
    shutdown: () => {
      health.close();
      return new Promise((resolve, reject) => {
        server.tryShutdown((error) => {
          timeouts.stop();
          if (error === undefined) resolve();
          else reject(error);
        });
      });
    },
    abort: () => {
      timeouts.stop();
      const sessions = sessionsOf(server);
      server.forceShutdown();
      // Deno regards the code only where there is an error.
      const reason = new Error("The server stops.");
      for (const session of sessions) session.destroy(reason, constants.NGHTTP2_CANCEL);
    },
  };
}

function largestRequestBytes(limits: Limits): number {
  const { maxBatchBytes, maxBatchKeys, maxKeyBytes, maxValueBytes } = limits;
  const entryBytes = maxKeyBytes + ENTRY_OVERHEAD_BYTES;
  const payloadBytes = Math.max(maxValueBytes, maxBatchBytes);
  return payloadBytes + maxBatchKeys * entryBytes + REQUEST_OVERHEAD_BYTES;
}

function bind(server: grpc.Server, options: GrpcServerOptions): Promise<number> {
  const wanted = hostPort(options.host, options.port);
  return new Promise((resolve, reject) => {
    server.bindAsync(wanted, serverCredentials(options.tls), (error, port) => {
      if (error === null) resolve(port);
      else if (error.message.includes("EADDRINUSE")) {
        reject(new Deno.errors.AddrInUse(`gRPC cannot listen on ${wanted}: it is in use.`));
      } else {reject(
          new BindError(`gRPC cannot listen on ${wanted}: ${error.message}`, { cause: error }),
        );}
    });
  });
}

function serverCredentials(tls: GrpcServerOptions["tls"]): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  // Without authorities of its own the library takes those of its environment, and Deno sends every
  // one along with the certificate.
  const noAuthorities = Buffer.alloc(0);
  return grpc.ServerCredentials.createSsl(noAuthorities, [
    { cert_chain: Buffer.from(tls.certificatePem), private_key: Buffer.from(tls.keyPem) },
  ]);
}
