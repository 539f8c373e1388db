import type { Verifier } from "../auth/verifier.ts";
import type { Call } from "../cache/call.ts";
import { type Concurrency, tooManyOperations } from "../core/concurrency.ts";
import { asksNoCache } from "../core/no_cache.ts";
import type { Operation } from "../core/principal.ts";
import type { Observer } from "../core/telemetry.ts";
import type { Answer, Exchange, Handler, LiveAnswer } from "./exchange.ts";

/** What every operation needs. */
export interface OperationParts {
  readonly verifier: Verifier;
  /** Has a place for each operation that is served. */
  readonly concurrency: Concurrency;
  readonly observer: Observer;
}

/** Answers a call of a caller who is known. */
export type OperationHandler = (
  exchange: Exchange,
  call: Call,
) => Promise<Answer | LiveAnswer>;

/** Makes the handler of an operation: it is observed, has its place, and knows who calls. */
export type OperationOf = (operation: Operation, handler: OperationHandler) => Handler;

/** Makes handlers with these parts. */
export function operationsWith({ verifier, concurrency, observer }: OperationParts): OperationOf {
  return (operation, handler) => async (exchange) => {
    const { correlationId, arrivedAtMs, deadlineMs, request: { method, headers } } = exchange;
    const arrival = { api: "rest", method, correlationId, atMs: arrivedAtMs, headers } as const;
    const record = observer.begin(operation, arrival);
    exchange.record = record;
    // Before a place is taken: a verdict may have to wait for a key set from elsewhere.
    const verdict = verifier.verify(headers.get("authorization") ?? undefined);
    const principal = verdict instanceof Promise ? await verdict : verdict;
    record.subject = principal.subject;
    if (!concurrency.tryEnter()) throw tooManyOperations();
    try {
      const noCache = asksNoCache(headers.get("cache-control"));
      return await handler(exchange, { principal, record, deadlineMs, noCache });
    } finally {
      // What the client takes of a large answer after this is bounded by the memory budget.
      concurrency.leave();
    }
  };
}
