import { makeServerFolder } from "../support/server_process.ts";

/** A pipe that is open for writing, and that nobody reads until `readOn`. */
export class NamedPipe implements Disposable {
  readonly path: string;
  readonly #folder: string;
  /** Open for both ends: opening one alone would wait for the other. */
  readonly #ends: Deno.FsFile;
  #isOpen = true;
  #readAtMs = Infinity;

  constructor() {
    this.#folder = makeServerFolder();
    this.path = `${this.#folder}/pipe`;
    new Deno.Command("mkfifo", { args: [this.path] }).outputSync();
    this.#ends = Deno.openSync(this.path, { read: true, write: true });
  }

  /** Reads from now on, and resolves with all when the last writer has gone. */
  async readOn(): Promise<string> {
    const reader = Deno.openSync(this.path, { read: true });
    this.#close();
    const decoder = new TextDecoder();
    let text = "";
    this.#readAtMs = performance.now();
    for await (const bytes of reader.readable) {
      this.#readAtMs = performance.now();
      text += decoder.decode(bytes, { stream: true });
    }
    return text;
  }

  /** For how long there has been nothing more to read. */
  get quietMs(): number {
    return performance.now() - this.#readAtMs;
  }

  [Symbol.dispose](): void {
    this.#close();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  #close(): void {
    if (this.#isOpen) this.#ends.close();
    this.#isOpen = false;
  }
}
