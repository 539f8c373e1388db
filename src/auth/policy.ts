import { CacheError } from "../core/errors.ts";
import type { Operation, Policy, Principal } from "../core/principal.ts";

const SCOPE_OF: Readonly<Record<Operation, string>> = {
  get: "cache:read",
  batch_get: "cache:read",
  set: "cache:write",
  batch_set: "cache:write",
  delete: "cache:write",
  invalidate: "cache:admin",
  rewrap: "cache:admin",
};

/** Allows what the principal's namespaces and scopes name, and nothing else. */
export class ScopePolicy implements Policy {
  denial(
    principal: Principal,
    request: { readonly operation: Operation; readonly namespace: string },
  ): CacheError | undefined {
    const scope = SCOPE_OF[request.operation];
    if (!principal.scopes.has(scope)) {
      return new CacheError("forbidden", `The token's scopes do not include ${scope}.`);
    }
    if (principal.namespaces.has("*") || principal.namespaces.has(request.namespace)) {
      return undefined;
    }
    return new CacheError("forbidden", "The token does not name this namespace.");
  }
}
