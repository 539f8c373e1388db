import type { Clock } from "../core/clock.ts";
import { CacheError } from "../core/errors.ts";
import type { MemoryBudget } from "../core/memory_budget.ts";
import { HttpError } from "./problem.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What bounds the reading of a body. */
export interface BodyOptions {
  readonly clock: Clock;
  readonly budget: MemoryBudget;
  /** Monotonic milliseconds by which all of it must have arrived. */
  readonly deadlineMs: number;
  readonly maxBytes: number;
  /** What to throw for a body above `maxBytes`. */
  readonly tooLarge: "value_too_large" | "batch_too_large";
}

/** The rest of a refused body would follow on the connection, so there can be no next request. */
const CLOSE = { "Connection": "close" };

/**
 * Reads a body and hands it to `use`; its bytes are held in the budget until `use` is done. Throws
 * `tooLarge`, `overloaded` where the budget is spent, `request_timeout`, and `invalid_request` for a
 * body that breaks off.
 */
export async function withBody<T>(
  request: Request,
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

async function readBody(
  request: Request,
  options: BodyOptions & { readonly held: Reservation },
): Promise<Bytes> {
  const { clock, deadlineMs, held } = options;
  const declared = contentLength(request.headers);
  if (declared !== undefined) held.add(declared);
  const reader = declared === undefined ? request.body?.getReader() : undefined;
  const late = Promise.withResolvers<never>();
  const timer = clock.setTimer(() => {
    late.reject(new HttpError("request_timeout", "The body did not arrive in time.", CLOSE));
    reader?.cancel().catch(() => {});
  }, Math.max(0, deadlineMs - clock.monotonicMs()));
  try {
    const body = reader === undefined ? readWhole(request, declared) : readChunks(reader, held);
    return await Promise.race([body, late.promise]);
  } finally {
    timer.cancel();
  }
}

/** Reads at once what is no more than its declared length, or nothing where there is no body. */
async function readWhole(request: Request, declaredBytes = 0): Promise<Bytes> {
  const body = await request.bytes().catch(() => {
    throw brokenOff();
  });
  if (body.length !== declaredBytes) throw brokenOff();
  return body;
}

async function readChunks(
  reader: ReadableStreamDefaultReader<Bytes>,
  held: Reservation,
): Promise<Bytes> {
  const chunks: Bytes[] = [];
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw brokenOff();
    });
    if (done) return concatenate(chunks, held.bytes);
    try {
      held.add(value.length);
    } catch (error) {
      reader.cancel().catch(() => {});
      throw error;
    }
    chunks.push(value);
  }
}

function concatenate(chunks: readonly Bytes[], totalBytes: number): Bytes {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return first;
  const body = new Uint8Array(totalBytes);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

/** The declared length; nothing where it is missing or no number. */
function contentLength(headers: Headers): number | undefined {
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

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number): void {
    const { budget, maxBytes, tooLarge } = this.#options;
    if (this.#bytes + bytes > maxBytes) {
      throw new HttpError(
        tooLarge,
        `The body of this call has at most ${maxBytes} bytes; this one has ` +
          `${this.#bytes + bytes} or more.`,
        CLOSE,
      );
    }
    if (!budget.tryReserve(bytes)) {
      throw new HttpError("overloaded", "The service holds as many request bytes as it may.", {
        ...CLOSE,
        "Retry-After": "1",
      });
    }
    this.#bytes += bytes;
  }

  release(): void {
    this.#options.budget.release(this.#bytes);
    this.#bytes = 0;
  }
}
