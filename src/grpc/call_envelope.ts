import grpc from "@grpc/grpc-js";
import { correlationId } from "../core/correlation.ts";
import type { CacheError } from "../core/errors.ts";
import { ERROR_CODE_KEY, grpcStatus } from "./error_map.ts";
import { transportFault } from "./transport_fault.ts";

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
 * the first metadata it receives, and every failure its error code.
 *
 * The library answers a message over the limit, a passed deadline and the like below all
 * interceptors, by the methods of `call` itself: so these are replaced, not wrapped.
 */
export function callEnvelope(options: {
  readonly newCorrelationId: () => string;
  /** The library's limit, for the text of its refusal. */
  readonly maxRequestBytes: number;
}): grpc.ServerInterceptor {
  return (method, call) => {
    const request = { path: method.path, maxBytes: options.maxRequestBytes };
    const { start, sendMetadata, sendStatus } = call;
    let id = "";
    let idSent = false;
    call.start = (listener) =>
      start.call(call, {
        onReceiveMetadata: (metadata) => {
          id = correlationId(metadataValue(metadata, CORRELATION_KEY), options.newCorrelationId);
          metadata.set(CORRELATION_KEY, id);
          listener.onReceiveMetadata(metadata);
        },
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveHalfClose: () => listener.onReceiveHalfClose(),
        onCancel: () => listener.onCancel(),
      });
    call.sendMetadata = (metadata) => {
      metadata.set(CORRELATION_KEY, id);
      idSent = true;
      sendMetadata.call(call, metadata);
    };
    call.sendStatus = (status) => {
      const coded = withErrorCode(status, request);
      if (!idSent) {
        coded.metadata ??= new grpc.Metadata();
        coded.metadata.set(CORRELATION_KEY, id);
      }
      sendStatus.call(call, coded);
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
