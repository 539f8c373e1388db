import type { Clock, Timer } from "./clock.ts";

/** A text that changes now and then, such as a file that another program replaces. */
export interface PolledTextOptions {
  /** Gives the text as it is now; its rejection keeps the last one. */
  readonly read: () => Promise<string>;
  /** What `read` gave last. */
  readonly initial: string;
  /** Called with each text that differs from the last; where it throws, that text does not count. */
  readonly onChange: (text: string) => void | Promise<void>;
  /** Called when reading fails or `onChange` throws: once, until a look succeeds again. */
  readonly onFailure: (error: unknown) => void;
  readonly clock: Clock;
  readonly everyMs: number;
}

/**
 * Looks at a text again and again, by its content: Kubernetes swaps symbolic links and some writers
 * keep the time of the file, so neither notifications nor times of change can be relied upon.
 */
export class PolledText {
  readonly #options: PolledTextOptions;
  #text: string;
  #timer: Timer | undefined;
  #look: Promise<void> | undefined;
  #isFailing = false;
  #isClosed = false;

  constructor(options: PolledTextOptions) {
    this.#options = options;
    this.#text = options.initial;
    this.#schedule();
  }

  /** Looks now; joins the look that is under way. Never rejects. */
  look(): Promise<void> {
    return this.#look ??= this.#lookOnce().finally(() => {
      this.#look = undefined;
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#isClosed) return;
    const { clock, everyMs } = this.#options;
    this.#timer = clock.setTimer(() => void this.look().then(() => this.#schedule()), everyMs);
  }

  async #lookOnce(): Promise<void> {
    const { read, onChange, onFailure } = this.#options;
    try {
      const text = await read();
      if (text !== this.#text && !this.#isClosed) {
        await onChange(text);
        this.#text = text;
      }
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) onFailure(error);
      this.#isFailing = true;
    }
  }
}
