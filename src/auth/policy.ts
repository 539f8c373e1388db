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
  stats: "cache:admin",
  log_level: "cache:admin",
};

/** What concerns all who use the process: for those only who may touch every namespace. */
const CONCERNS_ALL: ReadonlySet<Operation> = new Set(["log_level"]);

/** Allows what the principal's namespaces and scopes name, and nothing else. */
export class ScopePolicy implements Policy {
  denial(
    { namespaces, scopes }: Principal,
    { operation, namespace }: { readonly operation: Operation; readonly namespace?: string },
  ): CacheError | undefined {
    const scope = SCOPE_OF[operation];
    if (!scopes.has(scope)) {
      return new CacheError("forbidden", `The token's scopes do not include ${scope}.`);
    }
    const isAllowed = namespaces.has("*") ||
      (namespace === undefined ? !CONCERNS_ALL.has(operation) : namespaces.has(namespace));
    if (isAllowed) return undefined;
    const what = namespace === undefined ? "all namespaces" : "this namespace";
    return new CacheError("forbidden", `The token does not name ${what}.`);
  }
}
