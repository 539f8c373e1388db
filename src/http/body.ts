import { CacheError } from "../core/errors.ts";
import type { MemoryBudget } from "../core/memory_budget.ts";
import type { TimeoutQueue } from "../core/timeout_queue.ts";
import { GrowingBuffer } from "./growing_buffer.ts";
import { HttpError, overloaded } from "./problem.ts";
import type { RequestHeaders, RestRequest } from "./rest_request.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What bounds the reading of a body. */
export interface BodyOptions {
  readonly budget: MemoryBudget;
  /** Their length is the longest that a body may take to arrive. */
  readonly timeouts: TimeoutQueue;
  readonly maxBytes: number;
  /** What to throw for a body above `maxBytes`. */
  readonly tooLarge: "value_too_large" | "batch_too_large";
}

/** Up to here a body is reserved as it is declared; a longer one as it arrives. */
const SMALL_BYTES = 64 * 1024;

/** The rest of a refused body would follow on the connection, so there can be no next request. */
const CLOSE = { "Connection": "close" };

/**
 * Reads a body and hands it to `use`; its bytes are held in the budget until `use` is done. Throws
 * `tooLarge`, `overloaded` where the budget is spent, `request_timeout`, and `invalid_request` for a
 * body that breaks off.
 */
export async function withBody<T>(
  request: RestRequest,
  use: (body: Bytes) => Promise<T>,
  options: BodyOptions,
): Promise<T> {
  const held = new Reservation(options);
  try {
    return await use(await readBody(request, { held, ...options }));
  } finally {
    held.release();
  }
}

function readBody(
  request: RestRequest,
  { timeouts, held }: BodyOptions & { readonly held: Reservation },
): Promise<Bytes> {
  const declared = contentLength(request.headers);
  const isSmall = declared !== undefined && declared <= SMALL_BYTES;
  if (declared !== undefined) isSmall ? held.add(declared) : held.check(declared);
  const reader = isSmall ? undefined : request.body?.getReader();
  const body = reader === undefined ? request.bytes() : readChunks(reader, held);
  return new Promise((resolve, reject) => {
    const wait = timeouts.begin(() => {
      reject(new HttpError("request_timeout", "The body did not arrive in time.", CLOSE));
      reader?.cancel().catch(() => {});
    });
    body.then((bytes) => {
      wait.end();
      if (bytes.length === (declared ?? bytes.length)) resolve(bytes);
      else reject(brokenOff());
    }, (error) => {
      wait.end();
      reject(error instanceof HttpError ? error : brokenOff());
    });
  });
}

async function readChunks(
  reader: ReadableStreamDefaultReader<Bytes>,
  held: Reservation,
): Promise<Bytes> {
  const body = new GrowingBuffer();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return body.take();
    try {
      held.add(value.length);
    } catch (error) {
      reader.cancel().catch(() => {});
      throw error;
    }
    body.add(value);
  }
}

/** The declared length; nothing where it is missing or no number. */
function contentLength(headers: RequestHeaders): number | undefined {
  const text = headers.get("content-length");
  if (text === null || !/^\d+$/.test(text)) return undefined;
  return Number(text);
}

function brokenOff(): CacheError {
  return new CacheError("invalid_request", "The body ended before it was complete.");
}

/** The bytes of one body within its own limit and the budget of all. */
class Reservation {
  readonly #options: BodyOptions;
  #bytes = 0;

  constructor(options: BodyOptions) {
    this.#options = options;
  }

  /** Throws where `bytes` more would be too many for one body. */
  check(bytes: number): void {
    const { maxBytes, tooLarge } = this.#options;
    const total = this.#bytes + bytes;
    if (total <= maxBytes) return;
    throw new HttpError(
      tooLarge,
      `The body of this call has at most ${maxBytes} bytes; this one has ${total} or more.`,
      CLOSE,
    );
  }

  add(bytes: number): void {
    this.check(bytes);
    if (!this.#options.budget.tryReserve(bytes)) throw overloaded(CLOSE);
    this.#bytes += bytes;
  }

  release(): void {
    this.#options.budget.release(this.#bytes);
    this.#bytes = 0;
  }
}
