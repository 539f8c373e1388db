import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ReadyAnswer } from "./exchange.ts";

/**
 * Sends an answer; what of its request is not read by now is not waited for, and is followed by the
 * end of the connection.
 */
export function sendAnswer(
  response: ServerResponse,
  { status, headers, body }: ReadyAnswer,
  { onUnread }: {
    /** Called in the place of the end of an answer whose request is not read to its end. */
    readonly onUnread: () => void;
  },
): void {
  if (response.req.socket.destroyed) {
    if (body instanceof ReadableStream) body.cancel().catch(() => {});
    return;
  }
  const isRead = isReadToEnd(response.req);
  if (!isRead) headers["Connection"] = "close";
  const finish = (): void => void (isRead ? response.end() : onUnread());
  if (body instanceof ReadableStream) {
    response.writeHead(status, headers);
    pump(body, response).then(finish, () => response.destroy());
    return;
  }
  const length = Buffer.byteLength(body);
  headers["Content-Length"] ??= `${length}`;
  response.writeHead(status, headers);
  if (!isRead) {
    response.write(body);
    return finish();
  }
  // Text of ASCII alone, as nearly every answer is, is the same in Latin-1, whose way is shorter.
  if (typeof body === "string" && body.length === length) response.end(body, "latin1");
  else response.end(body);
}

function isReadToEnd(request: IncomingMessage): boolean {
  if (request.complete || request.readableEnded) return true;
  // Deno 2.6 does not call a request complete that has no body.
  const { "content-length": length = "0", "transfer-encoding": coding } = request.headers;
  return length === "0" && coding === undefined;
}

/** Hands over each piece when the one before has left. Rejects where the stream or the client fails. */
async function pump(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  response: ServerResponse,
): Promise<void> {
  const reader = body.getReader();
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => reader.cancel()).catch(() => {});
  response.once("close", () => gone.reject(new Error("The client went away.")));
  for (;;) {
    const { done, value } = await Promise.race([reader.read(), gone.promise]);
    if (done) return;
    const sent = new Promise<void>((resolve) => response.write(value, () => resolve()));
    await Promise.race([sent, gone.promise, reader.closed]);
  }
}
