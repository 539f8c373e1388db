import type { IncomingMessage } from "node:http";
import { GrowingBuffer } from "./growing_buffer.ts";
import type { RequestHeaders, RestRequest } from "./rest_request.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NO_ASCII = /[\x80-\xff]/g;

/** A request of `node:http` as the routes take it, at less than the cost of a web `Request`. */
export class NodeRequest implements RestRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: RequestHeaders;
  readonly #incoming: IncomingMessage;
  readonly #onRead: () => void;

  /** `onRead` is called when the reading of the body begins. */
  constructor(incoming: IncomingMessage, { onRead }: { readonly onRead: () => void }) {
    const { method = "", url = "" } = incoming;
    this.#incoming = incoming;
    this.#onRead = onRead;
    this.method = method;
    this.url = url.startsWith("/") ? `http://host${percentEncoded(url)}` : percentEncoded(url);
    this.headers = new JoinedHeaders(incoming.rawHeaders);
  }

  get body(): ReadableStream<Bytes> {
    const incoming = this.#incoming;
    this.#onRead();
    return new ReadableStream<Bytes>({
      start: (controller) => {
        listen(incoming, {
          onChunk: (chunk) => {
            controller.enqueue(chunk);
            incoming.pause();
          },
          onEnd: () => controller.close(),
          onFailure: (error) => controller.error(error),
        });
        incoming.pause();
      },
      pull: () => void incoming.resume(),
      cancel: () => {
        incoming.removeAllListeners("data");
        incoming.removeAllListeners("end");
        incoming.pause();
      },
    }, { highWaterMark: 0 });
  }

  bytes(): Promise<Bytes> {
    this.#onRead();
    return new Promise((resolve, reject) => {
      const body = new GrowingBuffer();
      listen(this.#incoming, {
        onChunk: (chunk) => body.add(chunk),
        onEnd: () => resolve(body.take()),
        onFailure: reject,
      });
    });
  }
}

/** Calls `onEnd` or `onFailure`, once. */
function listen(
  incoming: IncomingMessage,
  { onChunk, onEnd, onFailure }: {
    readonly onChunk: (chunk: Bytes) => void;
    readonly onEnd: () => void;
    readonly onFailure: (error: Error) => void;
  },
): void {
  incoming.on("data", onChunk);
  incoming.on("end", onEnd);
  incoming.on("error", onFailure);
  incoming.on("close", () => {
    if (!incoming.readableEnded) onFailure(new Error("The client went away."));
  });
}

/** A target that came with bytes beyond ASCII, which are read as Latin-1 characters. */
function percentEncoded(target: string): string {
  return target.replace(
    NO_ASCII,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** Of several Host or Authorization headers `node:http` would give the first, as if it were alone. */
class JoinedHeaders implements RequestHeaders {
  readonly #values = new Map<string, string>();

  /** `raw` has names and values in turn. */
  constructor(raw: readonly string[]) {
    for (let index = 0; index + 1 < raw.length; index += 2) {
      const name = (raw[index] ?? "").toLowerCase();
      const value = raw[index + 1] ?? "";
      const earlier = this.#values.get(name);
      this.#values.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
    }
  }

  get(name: string): string | null {
    return this.#values.get(name) ?? null;
  }
}
