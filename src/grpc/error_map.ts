import type { ErrorCode } from "../core/errors.ts";

/** Status codes of gRPC. */
export const GRPC_STATUS = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** Trailing metadata of a failed call: its `ErrorCode`. */
export const ERROR_CODE_KEY = "cache-error-code";

const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  key_not_found: GRPC_STATUS.NOT_FOUND,
  invalid_key: GRPC_STATUS.INVALID_ARGUMENT,
  invalid_value: GRPC_STATUS.INVALID_ARGUMENT,
  invalid_ttl: GRPC_STATUS.INVALID_ARGUMENT,
  invalid_namespace: GRPC_STATUS.INVALID_ARGUMENT,
  invalid_request: GRPC_STATUS.INVALID_ARGUMENT,
  value_too_large: GRPC_STATUS.RESOURCE_EXHAUSTED,
  batch_too_large: GRPC_STATUS.RESOURCE_EXHAUSTED,
  unauthorized: GRPC_STATUS.UNAUTHENTICATED,
  forbidden: GRPC_STATUS.PERMISSION_DENIED,
  encryption_unavailable: GRPC_STATUS.FAILED_PRECONDITION,
  identity_unavailable: GRPC_STATUS.UNAVAILABLE,
  redis_unavailable: GRPC_STATUS.UNAVAILABLE,
  broker_unavailable: GRPC_STATUS.UNAVAILABLE,
  circuit_open: GRPC_STATUS.UNAVAILABLE,
  overloaded: GRPC_STATUS.UNAVAILABLE,
  deadline_exceeded: GRPC_STATUS.DEADLINE_EXCEEDED,
  encryption_failed: GRPC_STATUS.INTERNAL,
  decryption_failed: GRPC_STATUS.INTERNAL,
  entry_invalid: GRPC_STATUS.INTERNAL,
  internal: GRPC_STATUS.INTERNAL,
};

/** The gRPC status of a code. */
export function grpcStatus(code: ErrorCode): number {
  return STATUS_OF[code];
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(GRPC_STATUS).map(([name, status]) => [status, name]),
);

/** The name of that status. */
export function grpcStatusName(code: ErrorCode): string {
  return NAMES.get(STATUS_OF[code]) ?? "UNKNOWN";
}
