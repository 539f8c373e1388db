import type { CacheError } from "./errors.ts";

/** What an operation does: read entries, write them, or act on a whole namespace. */
export type Action = "read" | "write" | "admin";

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
  /** Returns `forbidden`, or nothing when `action` on `namespace` is allowed. */
  denial(principal: Principal, request: {
    readonly action: Action;
    readonly namespace: string;
  }): CacheError | undefined;
}
