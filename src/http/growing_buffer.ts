type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Bytes that come piece by piece, in one buffer: as objects of their own, pieces of a byte would take
 * hundreds of times what they hold.
 */
export class GrowingBuffer {
  #buffer: Bytes = new Uint8Array(0);
  #length = 0;

  /** Copies the piece. */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }

  /** All of it, in a buffer that is no longer; add nothing after. */
  take(): Bytes {
    return this.#length === this.#buffer.length
      ? this.#buffer
      : this.#buffer.slice(0, this.#length);
  }
}
