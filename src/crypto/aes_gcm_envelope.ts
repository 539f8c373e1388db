import type { Random } from "../core/clock.ts";
import { ENTRY_FORMAT } from "../core/entry.ts";
import { type Envelope, SEAL_OVERHEAD_BYTES, type SealContext } from "../core/envelope.ts";
import { CacheError } from "../core/errors.ts";
import { utf8Length } from "../core/key.ts";
import { decrypt, encrypt, NONCE_BYTES } from "./aes_gcm.ts";
import type { KeyRing } from "./key_ring.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NONCE_OFFSET = 4;
const CIPHERTEXT_OFFSET = NONCE_OFFSET + NONCE_BYTES;
/** Format, flags and expires-at. */
const AAD_HEADER_BYTES = 10;
const UTF8 = new TextEncoder();

/**
 * Seals with AES-256-GCM. Sealed payload: `key id 4 · nonce 12 · ciphertext and tag`. Additional
 * data: `format 1 · flags 1 · expires-at 8 · namespace · 0x00 · key`, numbers big-endian: a sealed
 * payload opens for its own entry only. The stamp is not part of it, because the store raises it
 * when it takes the write.
 *
 * Nonces are random, which NIST SP 800-38D (section 8.3) allows for 2^32 values under one key.
 */
export class AesGcmEnvelope implements Envelope {
  readonly #ring: KeyRing;
  readonly #random: Random;
  readonly #namespaces: ReadonlySet<string>;
  readonly #onDecryptionFailure: () => void;

  /** Without a key in `ring` nothing is sealed or opened. `sealedNamespaces` may hold `*` for all. */
  constructor(options: {
    readonly ring: KeyRing;
    readonly random: Random;
    readonly sealedNamespaces?: readonly string[];
    readonly onDecryptionFailure?: () => void;
  }) {
    this.#ring = options.ring;
    this.#random = options.random;
    this.#namespaces = new Set(options.sealedNamespaces);
    this.#onDecryptionFailure = options.onDecryptionFailure ?? (() => {});
  }

  alwaysSeals(namespace: string): boolean {
    return this.#namespaces.has(namespace) || this.#namespaces.has("*");
  }

  async seal(value: Bytes, context: SealContext): Promise<Bytes> {
    const sealing = this.#ring.first;
    if (sealing === undefined) {
      throw new CacheError("encryption_unavailable", "No encryption key is configured.");
    }
    const nonce = this.#random.bytes(NONCE_BYTES);
    let ciphertext: Bytes;
    try {
      const additionalData = additionalDataOf(context);
      ciphertext = await encrypt(value, sealing.key, { nonce, additionalData });
    } catch (cause) {
      throw new CacheError("encryption_failed", "The value cannot be sealed.", { cause });
    }
    const payload = new Uint8Array(CIPHERTEXT_OFFSET + ciphertext.length);
    new DataView(payload.buffer).setUint32(0, sealing.id);
    payload.set(nonce, NONCE_OFFSET);
    payload.set(ciphertext, CIPHERTEXT_OFFSET);
    return payload;
  }

  async open(payload: Bytes, context: SealContext): Promise<Bytes> {
    const key = this.#keyOf(payload);
    if (key === undefined) throw this.#failure();
    try {
      return await decrypt(payload.subarray(CIPHERTEXT_OFFSET), key, {
        nonce: payload.subarray(NONCE_OFFSET, CIPHERTEXT_OFFSET),
        additionalData: additionalDataOf(context),
      });
    } catch {
      throw this.#failure();
    }
  }

  isCurrent(payload: Bytes): boolean {
    const { first } = this.#ring;
    return first !== undefined && payload.length >= SEAL_OVERHEAD_BYTES &&
      keyIdOf(payload) === first.id;
  }

  #keyOf(payload: Bytes): CryptoKey | undefined {
    if (payload.length < SEAL_OVERHEAD_BYTES) return undefined;
    return this.#ring.find(keyIdOf(payload));
  }

  /** One for every reason: which check failed is nobody's business. */
  #failure(): CacheError {
    this.#onDecryptionFailure();
    return new CacheError("decryption_failed", "The stored value cannot be opened.");
  }
}

function keyIdOf(payload: Bytes): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}

/** No namespace holds 0x00, so no two contexts give the same bytes. */
function additionalDataOf({ namespace, key, flags, expiresAtMs }: SealContext): Bytes {
  const name = `${namespace}\0${key}`;
  const bytes = new Uint8Array(AAD_HEADER_BYTES + utf8Length(name));
  bytes[0] = ENTRY_FORMAT;
  bytes[1] = flags;
  new DataView(bytes.buffer).setBigUint64(2, BigInt(expiresAtMs));
  UTF8.encodeInto(name, bytes.subarray(AAD_HEADER_BYTES));
  return bytes;
}
