import type { OperationRecord } from "../core/operation_record.ts";
import type { RestRequest } from "./rest_request.ts";

/** One request on its way through the routes. */
export interface Exchange {
  readonly request: RestRequest;
  /** From `rawPath`. */
  readonly path: string;
  readonly correlationId: string;
  /** Monotonic milliseconds. */
  readonly arrivedAtMs: number;
  /** Monotonic milliseconds after which the request is given up. */
  readonly deadlineMs: number;
  /** Set where the request is an operation on the cache. */
  record?: OperationRecord;
}

/** What a handler answers. The headers that every answer has are added later, to this object. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** Taken from the memory budget until the client has the answer; 0 where absent. */
  readonly heldBytes?: number;
}

/** An answer whose body is made while it is sent. */
export interface LiveAnswer extends Omit<Answer, "body" | "heldBytes"> {
  /** Calls `onEnd` once, when nothing more is to come or the client has gone away. */
  open(onEnd: () => void): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** An answer with all of its headers. */
export interface ReadyAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** A stream for what is large or made while it is sent; to be read to its end or cancelled. */
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Answers a request, or throws what `problemAnswer` turns into an answer. */
export type Handler = (exchange: Exchange) => Answer | Promise<Answer | LiveAnswer>;

type Method = "GET" | "PUT" | "DELETE" | "POST";

/** The handlers of one route by method. */
export type Methods = ReadonlyMap<string, Handler>;

/** What a request leads to. */
export interface Route {
  /** Such as `/api/v1/cache/{namespace}/{key}`. */
  readonly template: string;
  readonly methods: Methods;
}

/** The handlers of one route; GET answers HEAD as well, without a body. */
export function methodsOf(handlers: Readonly<Partial<Record<Method, Handler>>>): Methods {
  const methods = new Map<string, Handler>(Object.entries(handlers));
  const get = methods.get("GET");
  if (get !== undefined) methods.set("HEAD", get);
  return methods;
}

/** An answer of JSON text. */
export function jsonAnswer(
  body: string,
  options: { readonly status?: number; readonly headers?: Record<string, string> } = {},
): Answer {
  const { status = 200, headers = {} } = options;
  headers["Content-Type"] = "application/json";
  return { status, headers, body };
}
