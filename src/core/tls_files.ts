import type { Clock } from "./clock.ts";
import { PolledText } from "./polled_text.ts";

/** What a TLS server shows and signs with; both are PEM texts. */
export interface TlsPair {
  /** The server's certificate, then those of the authorities between it and a known one. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface TlsFilesOptions {
  /** Gives both files as they are now; its rejection keeps the last pair. */
  readonly read: () => Promise<TlsPair>;
  /** What `read` gave last; it is taken as it is. */
  readonly initial: TlsPair;
  /** Throws where the two cannot serve together, as while only one of them is written yet. */
  readonly check: (pair: TlsPair) => void;
  /** Called when a look fails: once, until one succeeds again. */
  readonly onFailure: (error: unknown) => void;
  readonly clock: Clock;
  readonly everyMs: number;
}

/** A certificate and its key, read anew while the process runs; never one without the other. */
export class TlsFiles {
  readonly #polled: PolledText;
  readonly #listeners: ((pair: TlsPair) => void)[] = [];
  #current: TlsPair;

  constructor({ read, initial, check, ...options }: TlsFilesOptions) {
    this.#current = initial;
    let latest = initial;
    this.#polled = new PolledText({
      ...options,
      initial: textOf(initial),
      read: async () => textOf(latest = await read()),
      onChange: () => {
        check(latest);
        this.#current = latest;
        for (const listener of this.#listeners) listener(latest);
      },
    });
  }

  /** The last pair that passed the check. */
  get current(): TlsPair {
    return this.#current;
  }

  /** Has `listener` called with every pair that takes the place of the current one. */
  onChange(listener: (pair: TlsPair) => void): void {
    this.#listeners.push(listener);
  }

  /** Looks now; joins the look that is under way. Never rejects. */
  look(): Promise<void> {
    return this.#polled.look();
  }

  close(): void {
    this.#polled.close();
  }
}

function textOf({ certificatePem, keyPem }: TlsPair): string {
  return `${certificatePem}\0${keyPem}`;
}
