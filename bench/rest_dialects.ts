import type { Call } from "./workloads.ts";

/** A request over HTTP/1.1. */
export interface RestRequest {
  readonly method: "GET" | "PUT" | "POST";
  readonly path: string;
  readonly body?: string;
}

/** How a call is put to one kind of server; `value` is in base64. */
export type RestDialect = (call: Call, value: string) => RestRequest;

/** The REST interface of the service. */
export function cacheDialect(call: Call, value: string): RestRequest {
  const base = "/api/v1/cache/bench";
  switch (call.operation) {
    case "get":
      return { method: "GET", path: `${base}/${call.key}` };
    case "set":
      return { method: "PUT", path: `${base}/${call.key}`, body: JSON.stringify({ value }) };
    case "batchGet":
      return {
        method: "POST",
        path: `${base}/batch/get`,
        body: JSON.stringify({ keys: call.keys }),
      };
  }
}

/** Redis commands as webdis takes them; values in base64, which its JSON can carry. */
export function webdisDialect(call: Call, value: string): RestRequest {
  switch (call.operation) {
    case "get":
      return { method: "GET", path: `/GET/${call.key}` };
    case "set":
      return { method: "PUT", path: `/SET/${call.key}`, body: value };
    case "batchGet":
      return { method: "GET", path: `/MGET/${call.keys.join("/")}` };
  }
}
