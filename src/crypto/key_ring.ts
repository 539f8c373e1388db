import type { Secret } from "../core/secret.ts";

/** A key by which WebCrypto seals and opens; nobody can read its bytes back. */
export interface RingKey {
  /** The first 4 bytes of the SHA-256 of its bytes, as an unsigned integer. */
  readonly id: number;
  readonly key: CryptoKey;
}

/**
 * Hands keys in base64 over to WebCrypto, in their order; one that is named twice is taken once.
 * Throws where two different keys have the same id, by which entries name their key.
 */
export async function importKeys(secrets: readonly Secret[]): Promise<readonly RingKey[]> {
  const texts = new Set(secrets.map((secret) => secret.reveal()));
  const keys = await Promise.all(Array.from(texts, importKey));
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new Error(
      "Two encryption keys have the same id (the first 4 bytes of their SHA-256), so entries could " +
        "not tell which of them sealed them; replace the newer one by another.",
    );
  }
  return keys;
}

async function importKey(base64: string): Promise<RingKey> {
  const bytes = Uint8Array.fromBase64(base64);
  const digest = new DataView(await crypto.subtle.digest("SHA-256", bytes));
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  bytes.fill(0);
  return { id: digest.getUint32(0), key };
}

/** The keys in use: the first seals, any opens. */
export class KeyRing {
  #keys: readonly RingKey[];
  readonly #onRemoved: () => void;

  /** `onRemoved` is called whenever a key has left the ring. */
  constructor(keys: readonly RingKey[], onRemoved: () => void = () => {}) {
    this.#keys = keys;
    this.#onRemoved = onRemoved;
  }

  /** The key that seals; nothing where the ring is empty. */
  get first(): RingKey | undefined {
    return this.#keys[0];
  }

  /** The key of an id; nothing where it is not in the ring. */
  find(id: number): CryptoKey | undefined {
    return this.#keys.find((key) => key.id === id)?.key;
  }

  /**
   * Takes other keys. `onRemoved` follows in the same step, which decides about reads under way: one
   * that began to open under a removed key took its ticket before, so clearing the near copies makes
   * that too old to fill one; one that begins later does not find the key.
   */
  replace(keys: readonly RingKey[]): void {
    const ids = new Set(keys.map(({ id }) => id));
    const isRemoved = this.#keys.some(({ id }) => !ids.has(id));
    this.#keys = keys;
    if (isRemoved) this.#onRemoved();
  }
}
