import type { Envelope } from "../core/envelope.ts";
import { CacheError } from "../core/errors.ts";

/** The envelope of a service without an encryption key: it can neither seal nor open. */
export class NoEnvelope implements Envelope {
  alwaysSeals(): boolean {
    return false;
  }

  seal(): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.reject(
      new CacheError("encryption_unavailable", "No encryption key is configured."),
    );
  }

  open(): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.reject(
      new CacheError("decryption_failed", "The stored value cannot be opened."),
    );
  }
}
