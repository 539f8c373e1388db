/** Whether a text is base64 (RFC 4648, section 4) of exactly 32 bytes: a key for AES-256. */
export function isEncryptionKey(text: string): boolean {
  // 43 digits, of which the last carries two bits that must be zero.
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}
