import type { Buffer } from "node:buffer";
import type grpc from "@grpc/grpc-js";
import type protobuf from "protobufjs";
import { asCacheError, CacheError } from "../core/errors.ts";
import { CORRELATION_KEY, errorStatus, metadataValue } from "./call_envelope.ts";
import { type Decoded, methodCodec } from "./codec.ts";
import type { Handler, Handlers, Method, RequestOf, ResponseOf } from "./service.ts";

/** Makes `server` answer `cache.v1.CacheService` by `handlers`. */
export function registerCache(
  server: grpc.Server,
  { handlers, maxBatchKeys, schema }: {
    readonly handlers: Handlers;
    readonly maxBatchKeys: number;
    readonly schema: protobuf.Root;
  },
): void {
  const register = <M extends Method>(name: M): void => {
    const codec = methodCodec<RequestOf<M>, ResponseOf<M>>(schema, {
      service: "cache.v1.CacheService",
      name,
      maxBatchKeys,
    });
    const handler = unary(handlers[name], codec.encode);
    server.register(codec.path, handler, (encoded) => encoded, codec.decode, "unary");
  };
  register("Get");
  register("Set");
  register("Delete");
  register("BatchGet");
  register("BatchSet");
  register("Health");
}

/** A handler as grpc-js calls it; its answer is encoded here, because its size counts. */
function unary<Request, Response>(
  handler: Handler<Request, Response>,
  encode: (response: Response) => Buffer,
): grpc.handleUnaryCall<Decoded<Request>, Buffer> {
  return (call, callback) => {
    const { metadata, request } = call;
    if (request instanceof CacheError) {
      callback(errorStatus(request));
      return;
    }
    const caller = new AbortController();
    let answered = false;
    // The library says "cancelled" after every call, also after one that was answered.
    call.once("cancelled", () => {
      if (!answered) caller.abort();
    });
    const info = {
      metadata: (name: string) => metadataValue(metadata, name),
      correlationId: metadataValue(metadata, CORRELATION_KEY) ?? "",
      timeoutMs: Number(call.getDeadline()) - Date.now(),
      signal: caller.signal,
      requestBytes: request.bytes,
    };
    handler(request.message, info).then((response) => {
      answered = true;
      callback(null, encode(response));
    }, (error) => {
      answered = true;
      callback(errorStatus(asCacheError(error)));
    });
  };
}
