import type { Clock } from "../../src/core/clock.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import type { Dice } from "./dice.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Far longer than it really takes, so that much can happen meanwhile. */
export const LONGEST_OPENING_MS = 100;

const SEALED_BYTES = 5;

/** The value that stands for a number. */
export function numberedValue(number: number): Bytes {
  const value = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, number);
  return value;
}

/** The number of a value, also of a sealed one. */
export function valueNumber(value: Uint8Array): number {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return view.getUint32(value.length - 4);
}

/** Seals by a mark in front; sometimes it takes its time, as real cryptography does. */
export class SlowEnvelope implements Envelope {
  readonly #clock: Clock;
  readonly #dice: Dice;

  constructor(options: { readonly clock: Clock; readonly dice: Dice }) {
    this.#clock = options.clock;
    this.#dice = options.dice;
  }

  alwaysSeals(): boolean {
    return false;
  }

  async seal(value: Bytes): Promise<Bytes> {
    // Sealing waits for no deadline, so it must not take long here.
    await this.#pause(0.5);
    const sealed = new Uint8Array(SEALED_BYTES);
    sealed.set(value, 1);
    return sealed;
  }

  async open(payload: Bytes): Promise<Bytes> {
    await this.#pause(this.#dice.chance(0.2) ? LONGEST_OPENING_MS : 2);
    return payload.slice(1);
  }

  isCurrent(): boolean {
    return true;
  }

  async #pause(longestMs: number): Promise<void> {
    if (this.#dice.chance(0.6)) return;
    const pauseMs = this.#dice.unit() * longestMs;
    await new Promise<void>((resolve) => void this.#clock.setTimer(resolve, pauseMs));
  }
}
