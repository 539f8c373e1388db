import type { Envelope, SealContext } from "../../src/core/envelope.ts";
import { CacheError } from "../../src/core/errors.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Seals by putting the key's number and the context before the value: nothing waits for a thread. */
export class MarkedEnvelope implements Envelope {
  /** The first seals, any opens; below 256. */
  readonly keys: number[];
  readonly #sealed: readonly string[];

  constructor(keys: readonly number[], alwaysSealed: readonly string[] = []) {
    this.keys = [...keys];
    this.#sealed = alwaysSealed;
  }

  alwaysSeals(namespace: string): boolean {
    return this.#sealed.includes(namespace);
  }

  seal(value: Bytes, context: SealContext): Promise<Bytes> {
    const [key] = this.keys;
    if (key === undefined) {
      return Promise.reject(new CacheError("encryption_unavailable", "There is no key."));
    }
    return Promise.resolve(Uint8Array.of(key, ...markOf(context), ...value));
  }

  open(payload: Bytes, context: SealContext): Promise<Bytes> {
    const mark = markOf(context);
    const isOpen = this.keys.includes(payload[0] ?? 0) &&
      mark.every((byte, i) => payload[i + 1] === byte);
    if (isOpen) return Promise.resolve(payload.slice(1 + mark.length));
    return Promise.reject(new CacheError("decryption_failed", "It cannot be opened."));
  }

  isCurrent(payload: Bytes): boolean {
    return payload[0] === this.keys[0];
  }
}

function markOf({ namespace, key, flags, expiresAtMs }: SealContext): Bytes {
  return new TextEncoder().encode(JSON.stringify([namespace, key, flags, expiresAtMs]));
}
