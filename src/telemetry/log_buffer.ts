import { settlesWithin } from "../core/settles_within.ts";
import type { Clock, Timer } from "../core/clock.ts";

export interface LogBufferOptions {
  /** Where the lines go; it stays open when the buffer is closed. */
  readonly stream: WritableStream<Uint8Array>;
  readonly clock: Clock;
  /** Most bytes held while the stream takes none; 8 MiB unless given. */
  readonly maxBytes?: number;
}

/** Lines that are written together. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly lines: number;
}

const MAX_BYTES = 8 * 1024 * 1024;
/** A batch of this many characters is written at once, */
const BATCH_LENGTH = 64 * 1024;
/** and a smaller one after this time. */
const FLUSH_MS = 100;
/** How long closing waits for a stream that takes no lines. */
const CLOSE_TIMEOUT_MS = 1000;

/**
 * Holds finished lines until a stream has taken them. A line that does not fit is dropped whole, and
 * counted; so are the lines that the stream fails to take.
 */
export class LogBuffer {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #clock: Clock;
  readonly #encoder = new TextEncoder();
  #maxBytes: number;
  #batch = "";
  #batchLines = 0;
  readonly #chunks: Chunk[] = [];
  /** Of the chunks, the one being written included. */
  #chunkBytes = 0;
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #dropped = 0;

  constructor({ stream, clock, maxBytes = MAX_BYTES }: LogBufferOptions) {
    this.#writer = stream.getWriter();
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  /** How many lines were lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a line with its newline. Never waits and never throws. */
  write(line: string): void {
    if (this.#chunkBytes + this.#batch.length + line.length > this.#maxBytes) {
      this.#dropped++;
      return;
    }
    this.#batch += line;
    this.#batchLines++;
    if (this.#batch.length >= BATCH_LENGTH) this.#flush();
    else this.#flushLater();
  }

  /** Writes out what it holds, unless that takes more than a second, and lets go of the stream. */
  async close(): Promise<void> {
    this.#maxBytes = 0;
    this.#flush();
    if (this.#writing !== undefined) {
      await settlesWithin(this.#writing, { ms: CLOSE_TIMEOUT_MS, clock: this.#clock });
    }
    this.#writer.releaseLock();
  }

  #flushLater(): void {
    this.#timer ??= this.#clock.setTimer(() => {
      this.#timer = undefined;
      // A chunk for every tenth of a second in which nobody reads would be many small ones.
      if (this.#writing === undefined) this.#flush();
    }, FLUSH_MS);
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#batchLines === 0) return;
    const bytes = this.#encoder.encode(this.#batch);
    this.#chunks.push({ bytes, lines: this.#batchLines });
    this.#chunkBytes += bytes.length;
    this.#batch = "";
    this.#batchLines = 0;
    this.#writing ??= this.#writeChunks();
  }

  async #writeChunks(): Promise<void> {
    for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) {
      try {
        await this.#writer.write(chunk.bytes);
      } catch {
        // Nobody can be told: the log is what does not work.
        this.#dropped += chunk.lines;
      }
      this.#chunkBytes -= chunk.bytes.length;
    }
    this.#writing = undefined;
    if (this.#batchLines > 0) this.#flushLater();
  }
}
