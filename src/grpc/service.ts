import type { Verifier } from "../auth/verifier.ts";
import type { CacheService } from "../cache/cache_service.ts";
import type { Call } from "../cache/call.ts";
import type { BatchGetResult, Hit, Miss } from "../cache/operations.ts";
import type { Clock } from "../core/clock.ts";
import { type Concurrency, tooManyOperations } from "../core/concurrency.ts";
import { asCacheError } from "../core/errors.ts";
import { failureFields } from "../core/failure_fields.ts";
import { type MemoryBudget, overBudget } from "../core/memory_budget.ts";
import { asksNoCache } from "../core/no_cache.ts";
import type { Logger, Observer } from "../core/telemetry.ts";
import { entriesOf, type Wire } from "./codec.ts";
import { GRPC_STATUS, grpcStatus, grpcStatusName } from "./error_map.ts";
import type { CacheServiceDefinition } from "./generated/cache/v1/CacheService.ts";
import type { GetResponse__Output } from "./generated/cache/v1/GetResponse.ts";
import type { BatchGetResponse__Output } from "./generated/cache/v1/BatchGetResponse.ts";
import { Source } from "./generated/cache/v1/Source.ts";

/** What a transport knows of a call besides its request. */
export interface CallInfo {
  /** The value of a metadata key in lower case; several values are joined by commas. */
  metadata(name: string): string | undefined;
  /** 1 to 128 visible ASCII characters. */
  readonly correlationId: string;
  /** Milliseconds left to the caller's deadline; Infinity without one. */
  readonly timeoutMs: number;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
  /** Size of the request on the wire. */
  readonly requestBytes: number;
}

/** Answers one rpc; rejects with nothing but `CacheError`. */
export type Handler<Request, Response> = (request: Request, info: CallInfo) => Promise<Response>;

export type Method = keyof CacheServiceDefinition;
type Messages<M extends Method> = CacheServiceDefinition[M];
export type RequestOf<M extends Method> = Wire<ReturnType<Messages<M>["requestDeserialize"]>>;
export type ResponseOf<M extends Method> = Wire<ReturnType<Messages<M>["responseDeserialize"]>>;

/** One function for each rpc of `cache.v1.CacheService`. */
export type Handlers = { readonly [M in Method]: Handler<RequestOf<M>, ResponseOf<M>> };

/** What the handlers are built from. */
export interface HandlerParts {
  readonly service: CacheService;
  readonly verifier: Verifier;
  readonly clock: Clock;
  /** How long a call may take when its caller sets no earlier deadline. */
  readonly requestTimeoutMs: number;
  /** Has a place for each request that is served. */
  readonly concurrency: Concurrency;
  /** Holds the bytes of a request for as long as it is served. */
  readonly budget: MemoryBudget;
  readonly logger: Logger;
  readonly observer: Observer;
}

const NO_VALUE = new Uint8Array(0);

/** The rpcs over `parts.service`; they know nothing of the transport that calls them. */
export function createHandlers(parts: HandlerParts): Handlers {
  const { service } = parts;
  return {
    Get: authenticated("Get", {
      parts,
      answer: async (request, call) => getResponse(await service.get(request, call)),
    }),
    Set: authenticated("Set", {
      parts,
      answer: async (request, call) => ({ success: true, ...await service.set(request, call) }),
    }),
    Delete: authenticated("Delete", {
      parts,
      answer: (request, call) => service.delete(request, call),
    }),
    BatchGet: authenticated("BatchGet", {
      parts,
      answer: async (request, call) => batchGetResponse(await service.batchGet(request, call)),
    }),
    BatchSet: authenticated("BatchSet", {
      parts,
      answer: (request, call) =>
        service.batchSet({ ...request, entries: entriesOf(request.entries) }, call),
    }),
    Health: () => Promise.resolve(service.health()),
  };
}

/** The operation that an rpc is. */
const OPERATION_OF = {
  Get: "get",
  Set: "set",
  Delete: "delete",
  BatchGet: "batch_get",
  BatchSet: "batch_set",
} as const;

/** A handler that lets in who has a valid token, while there is room, and until the deadline. */
function authenticated<M extends keyof typeof OPERATION_OF>(method: M, { parts, answer }: {
  readonly parts: HandlerParts;
  readonly answer: (request: RequestOf<M>, call: Call) => Promise<ResponseOf<M>>;
}): Handler<RequestOf<M>, ResponseOf<M>> {
  const { budget, clock, concurrency, logger, observer, requestTimeoutMs, verifier } = parts;
  return async (request, info) => {
    const { correlationId, requestBytes, signal } = info;
    const atMs = clock.monotonicMs();
    const arrival = { api: "grpc", correlationId, atMs, headers: { get: info.metadata } } as const;
    const record = observer.begin(OPERATION_OF[method], arrival);
    let status = "OK";
    let heldBytes = 0;
    let hasPlace = false;
    try {
      const deadlineMs = atMs + Math.min(info.timeoutMs, requestTimeoutMs);
      if (!budget.tryReserve(requestBytes)) throw overBudget();
      heldBytes = requestBytes;
      // Before a place is taken: a verdict may have to wait for a key set from elsewhere.
      const verdict = verifier.verify(info.metadata("authorization"));
      const principal = verdict instanceof Promise ? await verdict : verdict;
      record.subject = principal.subject;
      hasPlace = concurrency.tryEnter();
      if (!hasPlace) throw tooManyOperations();
      const noCache = asksNoCache(info.metadata("cache-control"));
      return await answer(request, { principal, record, deadlineMs, signal, noCache });
    } catch (thrown) {
      const error = asCacheError(thrown);
      // Who went away is told nothing, and it is no fault of the service.
      const isGone = signal.aborted;
      record.outcome = isGone ? "cancelled" : error.code;
      status = isGone ? "CANCELLED" : grpcStatusName(error.code);
      if (grpcStatus(error.code) === GRPC_STATUS.INTERNAL) {
        logger.error("A gRPC call failed.", {
          operation: record.operation,
          correlation_id: info.correlationId,
          ...failureFields(error),
        });
      }
      throw error;
    } finally {
      budget.release(heldBytes);
      if (hasPlace) concurrency.leave();
      observer.end(record, { status, atMs: clock.monotonicMs() });
    }
  };
}

function getResponse(result: Hit | Miss): Wire<GetResponse__Output> {
  if (result.found) {
    const source = result.source === "redis" ? Source.SOURCE_REDIS : Source.SOURCE_LOCAL;
    return { ...result, source };
  }
  return {
    ...result,
    value: NO_VALUE,
    source: Source.SOURCE_UNSPECIFIED,
    ttlSeconds: 0,
    version: "",
  };
}

function batchGetResponse(result: BatchGetResult): Wire<BatchGetResponse__Output> {
  return {
    // Makes own properties of all keys, also of `__proto__`.
    values: Object.fromEntries(result.values),
    missingKeys: result.missingKeys,
    degraded: result.degraded,
    errors: Object.fromEntries(result.errors),
  };
}
