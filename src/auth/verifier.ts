import type { Principal } from "../core/principal.ts";

/** Turns the credentials of a call into a principal. */
export interface Verifier {
  /**
   * `authorization` is the header or metadata value as received, absent when there is none. Throws
   * or rejects with `unauthorized`; answers at once when nothing has to be waited for.
   */
  verify(authorization: string | undefined): Principal | Promise<Principal>;
}
