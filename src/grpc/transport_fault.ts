import { deadlineExceeded } from "../cache/call.ts";
import { asCacheError, CacheError } from "../core/errors.ts";
import { GRPC_STATUS } from "./error_map.ts";

/** A status that the gRPC library made by itself. */
export interface LibraryStatus {
  readonly code: number;
  readonly details: string;
}

const UNKNOWN = 2;
const UNIMPLEMENTED = 12;
/** What the library says of requests that are faulty, though it calls them INTERNAL. */
const FAULTY_REQUEST =
  /^(Failed to decompress message|Invalid grpc-timeout|Error deserializing request)/;
/** And of those with none or several messages where one is due, which it calls UNIMPLEMENTED. */
const NOT_ONE_MESSAGE = /^Received (no|a second) request message/;
const TOO_LARGE = /^Received message (?:larger than max \((\d+) vs|that decompresses)/;

/**
 * What a failure that the library answers below our handlers is in our terms; nothing where its
 * own status says all, as for an unknown method.
 */
export function transportFault(
  status: LibraryStatus,
  request: { readonly path: string; readonly maxBytes: number },
): CacheError | undefined {
  const { code, details } = status;
  const tooLarge = code === GRPC_STATUS.RESOURCE_EXHAUSTED ? TOO_LARGE.exec(details) : null;
  if (tooLarge !== null) {
    const received = tooLarge[1] === undefined ? "more when decompressed" : tooLarge[1];
    return new CacheError(
      request.path.endsWith("/Set") ? "value_too_large" : "batch_too_large",
      `A request has at most ${request.maxBytes} bytes; this one has ${received}.`,
    );
  }
  if (code === GRPC_STATUS.DEADLINE_EXCEEDED) return deadlineExceeded();
  if (code === UNIMPLEMENTED && NOT_ONE_MESSAGE.test(details)) {
    return new CacheError("invalid_request", "The request is not exactly one whole message.");
  }
  if (code !== GRPC_STATUS.INTERNAL && code !== UNKNOWN) return undefined;
  if (FAULTY_REQUEST.test(details)) {
    return new CacheError(
      "invalid_request",
      "The request's message, encoding or timeout is not valid.",
    );
  }
  return asCacheError(new Error(details));
}
