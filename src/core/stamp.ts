import { MAX_STAMP_LEAD_MS } from "./limits.ts";

/**
 * A hybrid logical clock's reading (Kulkarni et al., "Logical Physical Clocks", 2014): orders writes
 * and names a version. Compared by `ms`, then `counter`, then `writer`.
 */
export interface Stamp {
  /** Unix milliseconds of store time, below 2^48. */
  readonly ms: number;
  /** Orders stamps of one millisecond, below 2^16. */
  readonly counter: number;
  /**
   * Who issued it, below 2^32. The top bit is clear in a stamp that a process issued and set in
   * one that the store raised above the entry it replaced, so the two never collide.
   */
  readonly writer: number;
}

/** Bytes of a stored stamp: ms 6, counter 2, writer 4, all big-endian. */
export const STAMP_BYTES = 12;

/** The bit of `writer` that marks a raised stamp. */
export const RAISED_WRITER_BIT = 0x8000_0000;

const COUNTER_LIMIT = 0x1_0000;

/** Negative when `a` is older than `b`, positive when newer, 0 when they are the same stamp. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.ms - b.ms || a.counter - b.counter || a.writer - b.writer;
}

/** The stamp just above `stored`, marked as raised by `writer`'s write. */
export function raiseStamp(stored: Stamp, writer: number): Stamp {
  const carries = stored.counter + 1 === COUNTER_LIMIT;
  return {
    ms: carries ? stored.ms + 1 : stored.ms,
    counter: carries ? 0 : stored.counter + 1,
    writer: (writer | RAISED_WRITER_BIT) >>> 0,
  };
}

/** Writes the 12 bytes of a stamp at `offset`. */
export function writeStamp(view: DataView, offset: number, stamp: Stamp): void {
  view.setUint16(offset, Math.floor(stamp.ms / 0x1_0000_0000));
  view.setUint32(offset + 2, stamp.ms >>> 0);
  view.setUint16(offset + 6, stamp.counter);
  view.setUint32(offset + 8, stamp.writer);
}

/** Reads the 12 bytes of a stamp at `offset`. */
export function readStamp(view: DataView, offset: number): Stamp {
  return {
    ms: view.getUint16(offset) * 0x1_0000_0000 + view.getUint32(offset + 2),
    counter: view.getUint16(offset + 6),
    writer: view.getUint32(offset + 8),
  };
}

/** The version that clients see: the stamp's 24 hexadecimal digits. */
export function formatStamp(stamp: Stamp): string {
  return stamp.ms.toString(16).padStart(12, "0") + stamp.counter.toString(16).padStart(4, "0") +
    stamp.writer.toString(16).padStart(8, "0");
}

/** Issues stamps, each above every stamp this process issued or read. */
export class HybridClock {
  readonly #nowMs: () => number;
  readonly #writer: number;
  #ms = 0;
  #counter = 0;

  /** `nowMs` reads store time; `writer` is a random id of which the top bit is ignored. */
  constructor(options: { readonly nowMs: () => number; readonly writer: number }) {
    this.#nowMs = options.nowMs;
    this.#writer = (options.writer & ~RAISED_WRITER_BIT) >>> 0;
  }

  /** A stamp above all earlier ones. */
  next(): Stamp {
    const now = Math.floor(this.#nowMs());
    if (now > this.#ms) {
      this.#ms = now;
      this.#counter = 0;
    } else if (++this.#counter === COUNTER_LIMIT) {
      this.#ms++;
      this.#counter = 0;
    }
    return { ms: this.#ms, counter: this.#counter, writer: this.#writer };
  }

  /**
   * Takes note of a stamp that was read. One more than a minute ahead is not followed: a single
   * entry with a damaged or forged stamp would carry every later write into the future with it.
   */
  observe(stamp: Stamp): void {
    if (stamp.ms < this.#ms) return;
    if (stamp.ms > this.#nowMs() + MAX_STAMP_LEAD_MS) return;
    if (stamp.ms > this.#ms) {
      this.#ms = stamp.ms;
      this.#counter = stamp.counter;
    } else if (stamp.counter > this.#counter) this.#counter = stamp.counter;
  }
}
