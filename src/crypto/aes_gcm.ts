type Bytes = Uint8Array<ArrayBuffer>;

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** What a ciphertext depends on besides key and plaintext. */
export interface AesGcmInputs {
  /** 12 bytes, never the same twice under a key. */
  readonly nonce: Bytes;
  /** Authenticated, and not part of the ciphertext. */
  readonly additionalData: Bytes;
}

/** AES-GCM (NIST SP 800-38D, section 7.1): the ciphertext with the tag of 16 bytes behind it. */
export async function encrypt(
  plaintext: Bytes,
  key: CryptoKey,
  inputs: AesGcmInputs,
): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.encrypt(algorithm(inputs), key, plaintext));
}

/** The plaintext (section 7.2); rejects where anything was altered. */
export async function decrypt(
  ciphertext: Bytes,
  key: CryptoKey,
  inputs: AesGcmInputs,
): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.decrypt(algorithm(inputs), key, ciphertext));
}

function algorithm({ nonce, additionalData }: AesGcmInputs): AesGcmParams {
  return { name: "AES-GCM", iv: nonce, additionalData, tagLength: 8 * TAG_BYTES };
}
