import type grpc from "@grpc/grpc-js";
import type protobuf from "protobufjs";
import { CacheError } from "../core/errors.ts";
import { errorStatus } from "./call_envelope.ts";
import { type Decoded, methodCodec, type Wire } from "./codec.ts";
import { GRPC_STATUS } from "./error_map.ts";
import type { HealthCheckRequest__Output } from "./generated/grpc/health/v1/HealthCheckRequest.ts";
import {
  _grpc_health_v1_HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckResponse__Output,
} from "./generated/grpc/health/v1/HealthCheckResponse.ts";
import type { HealthService } from "./health.ts";

type Request = Decoded<Wire<HealthCheckRequest__Output>>;
type Response = Wire<HealthCheckResponse__Output>;

/** Makes `server` answer `grpc.health.v1.Health`. */
export function registerHealth(
  server: grpc.Server,
  { health, schema }: { readonly health: HealthService; readonly schema: protobuf.Root },
): void {
  const codec = (name: string) =>
    methodCodec<Wire<HealthCheckRequest__Output>, Response>(schema, {
      service: "grpc.health.v1.Health",
      name,
    });
  const check = codec("Check");
  server.register(check.path, checkRpc(health), check.encode, check.decode, "unary");
  const watch = codec("Watch");
  server.register(watch.path, watchRpc(health), watch.encode, watch.decode, "serverStream");
}

function checkRpc(health: HealthService): grpc.handleUnaryCall<Request, Response> {
  return ({ request }, callback) => {
    if (request instanceof CacheError) {
      callback(errorStatus(request));
      return;
    }
    const status = health.status(request.message.service);
    if (status === ServingStatus.SERVICE_UNKNOWN) {
      callback({ code: GRPC_STATUS.NOT_FOUND, details: "This service is not served here." });
    } else callback(null, { status });
  };
}

function watchRpc(health: HealthService): grpc.handleServerStreamingCall<Request, Response> {
  return (call) => {
    const { request } = call;
    if (request instanceof CacheError) {
      call.emit("error", errorStatus(request));
      return;
    }
    const stop = health.watch(request.message.service, {
      send: (status) => call.write({ status }),
      end: () => call.end(),
    });
    if (stop === undefined) {
      const details = "Too many calls watch the health already.";
      call.emit("error", { code: GRPC_STATUS.RESOURCE_EXHAUSTED, details });
    } else call.once("cancelled", stop);
  };
}
