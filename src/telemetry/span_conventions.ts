import type { OperationRecord } from "../core/operation_record.ts";
import type { Operation } from "../core/principal.ts";
import type { SpanAttributes } from "../core/span.ts";
import type { Arrival } from "../core/telemetry.ts";

/** How the span of a call begins. */
export interface SpanStart {
  readonly name: string;
  readonly attributes: SpanAttributes;
}

const RPC_SERVICE = "cache.v1.CacheService";
const NAMESPACE = "/api/v1/cache/{namespace}";

const ROUTES: Readonly<Record<Operation, string>> = {
  get: `${NAMESPACE}/{key}`,
  set: `${NAMESPACE}/{key}`,
  delete: `${NAMESPACE}/{key}`,
  batch_get: `${NAMESPACE}/batch/get`,
  batch_set: `${NAMESPACE}/batch/set`,
  invalidate: `${NAMESPACE}/invalidate`,
  rewrap: "/api/v1/admin/rewrap/{namespace}",
  stats: "/api/v1/admin/stats",
  log_level: "/api/v1/admin/log-level",
};

/** The status codes of gRPC, by number. */
const GRPC_CODES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** Those that are the server's fault ("Semantic Conventions for gRPC", server spans). */
const GRPC_FAULTS = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/** As many as there are operations over gRPC, and routes and their methods over REST. */
const STARTS = new Map<string, SpanStart>();

/** Name and first attributes of a call's span, by the semantic conventions for HTTP and gRPC. */
export function spanStart(operation: Operation, arrival: Arrival): SpanStart {
  const method = arrival.api === "rest" ? arrival.method : undefined;
  const id = `${method} ${operation}`;
  let start = STARTS.get(id);
  if (start === undefined) {
    start = method === undefined ? grpcStart(operation) : restStart(operation, method);
    STARTS.set(id, start);
  }
  return start;
}

function restStart(operation: Operation, method: string): SpanStart {
  const route = ROUTES[operation];
  return {
    name: `${method} ${route}`,
    attributes: {
      "cache.operation": operation,
      "http.request.method": method,
      "http.route": route,
    },
  };
}

function grpcStart(operation: Operation): SpanStart {
  // BatchGet is the rpc of batch_get.
  const method = operation.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return {
    name: `${RPC_SERVICE}/${method}`,
    attributes: {
      "cache.operation": operation,
      "rpc.system": "grpc",
      "rpc.service": RPC_SERVICE,
      "rpc.method": method,
    },
  };
}

/** What the record and the status tell at the end: a number for HTTP, a name for gRPC. */
export function endAttributes(record: OperationRecord, status: number | string): SpanAttributes {
  const { namespace, outcome, source, degraded } = record;
  return {
    ...(namespace === undefined ? {} : { "cache.namespace": namespace }),
    "cache.outcome": outcome,
    ...(source === undefined ? {} : { "cache.source": source }),
    "cache.degraded": degraded,
    ...(typeof status === "number"
      ? { "http.response.status_code": status }
      : { "rpc.grpc.status_code": GRPC_CODES.indexOf(status) }),
  };
}

/** Whether the span of a server counts as failed by this status: a caller's fault does not. */
export function isServerFault(status: number | string): boolean {
  return typeof status === "number" ? status >= 500 : GRPC_FAULTS.has(status);
}
