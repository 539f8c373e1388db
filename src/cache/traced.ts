import { CacheError } from "../core/errors.ts";
import type { Store } from "../core/store.ts";
import type { Span, SpanAttributes } from "../core/span.ts";

/** A part of a call that has a span of its own. */
export interface Part {
  readonly name: string;
  readonly attributes?: SpanAttributes;
}

export const SEAL: Part = { name: "crypto.seal" };
export const OPEN: Part = { name: "crypto.open" };
export const PUBLISH: Part = {
  name: "publish",
  attributes: { "messaging.operation.name": "publish", "messaging.operation.type": "send" },
};

/** Does `work` as a part of `span`, where there is one; the part fails as the work does. */
export function traced<T>(
  span: Span | undefined,
  part: Part,
  work: (span?: Span) => Promise<T>,
): Promise<T> {
  return span === undefined ? work() : tracedIn(span.child(part.name, part.attributes), work);
}

async function tracedIn<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await work(span);
  } catch (error) {
    span.fail(error instanceof CacheError ? error.code : "internal");
    throw error;
  } finally {
    span.end();
  }
}

/** A call of the store; RedisStore reads by GET, and writes by a script. */
export function storePart(
  store: Store,
  { name, command, keys }: {
    readonly name: string;
    readonly command: "GET" | "EVALSHA";
    readonly keys: number;
  },
): Part {
  if (store.source !== "redis") return { name };
  // "Semantic Conventions for Redis Client Calls".
  const attributes = keys === 1 ? { "db.system.name": "redis", "db.operation.name": command } : {
    "db.system.name": "redis",
    "db.operation.name": `PIPELINE ${command}`,
    "db.operation.batch.size": keys,
  };
  return { name, attributes };
}
