import type { CacheError } from "./errors.ts";

/** What a caller can ask: of a namespace, or, by the last two, of the process. */
export type Operation =
  | "get"
  | "set"
  | "delete"
  | "batch_get"
  | "batch_set"
  | "invalidate"
  | "rewrap"
  | "stats"
  | "log_level";

/** Who calls. */
export interface Principal {
  /** The token's subject, for the log. */
  readonly subject: string;
  /** The namespaces it may touch; `*` stands for all. */
  readonly namespaces: ReadonlySet<string>;
  readonly scopes: ReadonlySet<string>;
}

/** Decides what a principal may do. */
export interface Policy {
  /**
   * Returns `forbidden`, or nothing when `operation` on `namespace` is allowed; without a namespace, on
   * the process.
   */
  denial(principal: Principal, request: {
    readonly operation: Operation;
    readonly namespace?: string;
  }): CacheError | undefined;
}
