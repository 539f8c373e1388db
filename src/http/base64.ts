/** The bytes of standard base64 with padding (RFC 4648, section 4), or nothing for other text. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
  // White space is skipped even by the strict form, and makes the text longer than its bytes need.
  return text.length === base64Length(bytes.length) ? bytes : undefined;
}

/** The characters that `byteLength` bytes take. */
export function base64Length(byteLength: number): number {
  return Math.ceil(byteLength / 3) * 4;
}
