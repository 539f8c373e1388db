import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";
import type { Call } from "./workloads.ts";

const PROTO = fileURLToPath(new URL("../proto/cache/v1/cache.proto", import.meta.url));
const NAMESPACE = "bench";

const schema = protobuf.loadSync(PROTO);

/** A unary call as bytes; `path` is such as `/cache.v1.CacheService/Get`. */
export interface GrpcRequest {
  readonly path: string;
  readonly message: Uint8Array;
}

/** The call as the service's proto writes it. */
export function grpcRequest(call: Call, value: Uint8Array): GrpcRequest {
  switch (call.operation) {
    case "get":
      return request("Get", { key: call.key, namespace: NAMESPACE });
    case "set":
      return request("Set", { key: call.key, namespace: NAMESPACE, value });
    case "batchGet":
      return request("BatchGet", { keys: call.keys, namespace: NAMESPACE });
  }
}

/** Whether the answer to a get says that there is an entry. */
export function isHit(message: Uint8Array): boolean {
  const { found } = schema.lookupType("cache.v1.GetResponse").decode(message).toJSON();
  return found === true;
}

function request(method: string, fields: Readonly<Record<string, unknown>>): GrpcRequest {
  const message = schema.lookupType(`cache.v1.${method}Request`).encode(fields).finish();
  return { path: `/cache.v1.CacheService/${method}`, message };
}
