import { constants, type ServerHttp2Stream } from "node:http2";
import grpc from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { correlationId } from "../core/correlation.ts";
import type { CacheError } from "../core/errors.ts";
import type { Meter } from "../core/telemetry.ts";
import { overBudget } from "../core/memory_budget.ts";
import { type Arrival, type ArrivalLimits, beginArrival } from "./arrival.ts";
import { beginDeparture, type DepartureLimits } from "./departure.ts";
import { ERROR_CODE_KEY, grpcStatus } from "./error_map.ts";
import { transportFault } from "./transport_fault.ts";

/** Calls of other services, such as health checks, are not counted. */
const CACHE_METHOD = /^\/cache\.v1\.CacheService\/((?:Batch)?[GS]et|Delete|Health)$/;

/** Metadata in which a correlation id comes and goes. */
export const CORRELATION_KEY = "x-correlation-id";

type PartialStatus = Parameters<grpc.ServerInterceptingCallInterface["sendStatus"]>[0];

/** The value of a metadata key in lower case; several values are joined by commas. */
export function metadataValue(metadata: grpc.Metadata, key: string): string | undefined {
  const values = metadata.get(key);
  return values.length === 0 ? undefined : values.join(", ");
}

/** The status that tells a client of `error`, with the code in its metadata. */
export function errorStatus(error: CacheError): grpc.StatusObject {
  const metadata = new grpc.Metadata();
  metadata.set(ERROR_CODE_KEY, error.code);
  return { code: grpcStatus(error.code), details: error.message, metadata };
}

/**
 * Gives every call its correlation id, which the handler finds in the metadata and the caller in
 * the first metadata it receives, and every failure its error code; bounds how long a request may
 * take to come and what it may hold until then, and the same of its answer until that is taken.
 *
 * The library answers a message over the limit, a passed deadline and the like below all
 * interceptors, by the methods of `call` itself: so these are replaced, not wrapped.
 */
export function callEnvelope(options: {
  readonly newCorrelationId: () => string;
  /** The library's limit, for the text of its refusal. */
  readonly maxRequestBytes: number;
  readonly clock: Clock;
  readonly arrivals: ArrivalLimits;
  readonly departures: DepartureLimits;
  readonly meter: Pick<Meter, "rpc">;
}): grpc.ServerInterceptor {
  return (method, call) => {
    const request = { path: method.path, maxBytes: options.maxRequestBytes };
    const { getDeadline, start, sendMetadata, sendMessage, sendStatus } = call;
    const stream = streamOf(call);
    let arrival: Arrival | undefined;
    let isWhole = false;
    let isOver = false;
    let id = "";
    let idSent = false;
    const calledAtMs = options.clock.monotonicMs();
    const name = CACHE_METHOD.exec(method.path)?.[1];
    let isCounted = name === undefined;
    /** Once, by what came first: the answer, or the caller's going away. */
    const count = (code: grpc.status): void => {
      if (isCounted || name === undefined) return;
      isCounted = true;
      const seconds = (options.clock.monotonicMs() - calledAtMs) / 1000;
      options.meter.rpc({ method: name, code: grpc.status[code] }, seconds);
    };
    call.start = (listener) =>
      start.call(call, {
        onReceiveMetadata: (metadata) => {
          id = correlationId(metadataValue(metadata, CORRELATION_KEY), options.newCorrelationId);
          metadata.set(CORRELATION_KEY, id);
          arrival = beginArrival(stream, {
            limits: options.arrivals,
            refuse: (error) => call.sendStatus(errorStatus(error)),
          });
          listener.onReceiveMetadata(metadata);
        },
        onReceiveMessage: (message) => {
          arrival?.decoded(decodedBytes(message));
          listener.onReceiveMessage(message);
        },
        onReceiveHalfClose: () => {
          // The library runs a handler even when its call was answered before the request was whole.
          if (isOver) return;
          isWhole = true;
          arrival?.end();
          listener.onReceiveHalfClose();
        },
        onCancel: () => {
          count(grpc.status.CANCELLED);
          arrival?.end();
          listener.onCancel();
        },
      });
    // What the arrival took is no longer there for the handler.
    call.getDeadline = () => {
      const deadline = getDeadline.call(call);
      if (arrival === undefined) return deadline;
      const leftMs = arrival.dueMs - options.clock.monotonicMs();
      return Math.min(Number(deadline), options.clock.wallMs() + leftMs);
    };
    call.sendMetadata = (metadata) => {
      metadata.set(CORRELATION_KEY, id);
      idSent = true;
      sendMetadata.call(call, metadata);
    };
    call.sendMessage = (message, sent) => {
      const limits = options.departures;
      // Only the answers of the cache come encoded. Others are small, or parts of a stream that has
      // no end to wait for.
      const bytes = message instanceof Uint8Array ? message.length : undefined;
      if (bytes === undefined || beginDeparture(stream, { bytes, limits })) {
        sendMessage.call(call, message, sent);
      } else call.sendStatus(errorStatus(overBudget()));
    };
    call.sendStatus = (status) => {
      const coded = withErrorCode(status, request);
      count(coded.code ?? grpc.status.UNKNOWN);
      if (!idSent) {
        coded.metadata ??= new grpc.Metadata();
        coded.metadata.set(CORRELATION_KEY, id);
      }
      sendStatus.call(call, coded);
      isOver = true;
      arrival?.end();
      if (isWhole) return;
      // The library would keep what has come until the client ends the stream, if ever.
      const reset = (): void => stream.close(constants.NGHTTP2_NO_ERROR);
      if (idSent) stream.once("wantTrailers", reset);
      else reset();
    };
    return new grpc.ServerInterceptingCall(call);
  };
}

function withErrorCode(
  status: PartialStatus,
  request: { readonly path: string; readonly maxBytes: number },
): PartialStatus {
  if (status.code === grpc.status.OK) return status;
  if (status.metadata && status.metadata.get(ERROR_CODE_KEY).length > 0) return status;
  const fault = transportFault(status, request);
  return fault === undefined ? status : errorStatus(fault);
}

/** The stream under a call, which the library keeps to itself. */
function streamOf(call: grpc.ServerInterceptingCallInterface): ServerHttp2Stream {
  return Reflect.get(call, "stream");
}

/** The size of a message that our codec has read. */
function decodedBytes(message: unknown): number {
  const isDecoded = typeof message === "object" && message !== null && "bytes" in message;
  return isDecoded && typeof message.bytes === "number" ? message.bytes : 0;
}
