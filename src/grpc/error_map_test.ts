import assert from "node:assert/strict";
import type { ErrorCode } from "../core/errors.ts";
import { grpcStatus } from "./error_map.ts";

/** The table of the contract, in the numbers of the protocol. */
const CONTRACT: Readonly<Record<ErrorCode, number>> = {
  key_not_found: 5,
  invalid_key: 3,
  invalid_value: 3,
  invalid_ttl: 3,
  invalid_namespace: 3,
  invalid_request: 3,
  value_too_large: 8,
  batch_too_large: 8,
  unauthorized: 16,
  forbidden: 7,
  encryption_unavailable: 9,
  identity_unavailable: 14,
  redis_unavailable: 14,
  broker_unavailable: 14,
  circuit_open: 14,
  overloaded: 14,
  deadline_exceeded: 4,
  encryption_failed: 13,
  decryption_failed: 13,
  entry_invalid: 13,
  internal: 13,
};

Deno.test("every error code has the status of the contract", () => {
  for (const [code, status] of Object.entries(CONTRACT)) {
    assert.equal(grpcStatus(code as ErrorCode), status, code);
  }
});
