/** What a sealed payload is bound to: opening it for another entry fails. */
export interface SealContext {
  readonly namespace: string;
  readonly key: string;
  readonly flags: number;
  readonly expiresAtMs: number;
}

/** What a sealed payload has more than its value: key id 4, nonce 12, tag 16. */
export const SEAL_OVERHEAD_BYTES = 32;

/** Seals values before they are stored and opens them after they are read. */
export interface Envelope {
  /** True when the namespace's values are always sealed, whatever the caller says. */
  alwaysSeals(namespace: string): boolean;
  /** Rejects with `encryption_unavailable` without a key, and with `encryption_failed`. */
  seal(
    value: Uint8Array<ArrayBuffer>,
    context: SealContext,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Rejects with `decryption_failed` for a wrong key, a damaged payload or another context. */
  open(
    payload: Uint8Array<ArrayBuffer>,
    context: SealContext,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether a sealed payload names the key that new values are sealed under. */
  isCurrent(payload: Uint8Array<ArrayBuffer>): boolean;
}
