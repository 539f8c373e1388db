import type { Principal } from "../core/principal.ts";
import type { Verifier } from "./verifier.ts";

const ANONYMOUS: Principal = {
  subject: "anonymous",
  namespaces: new Set(["*"]),
  scopes: new Set(["cache:read", "cache:write", "cache:admin"]),
};

/** Lets every caller in; for `AUTH_ENABLED=false`. */
export class AnonymousVerifier implements Verifier {
  verify(): Principal {
    return ANONYMOUS;
  }
}
