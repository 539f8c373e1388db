/** The hash slots of a Cluster. */
export const SLOTS = 16_384;
const CRC16_POLYNOMIAL = 0x1021;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ CRC16_POLYNOMIAL : crc << 1;
  return crc;
});

const encoder = new TextEncoder();

/**
 * The hash slot of a key, 0 to 16,383: CRC16 (XMODEM) of its UTF-8, or of what stands between its
 * first `{` and the next `}` where that is not empty
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model).
 */
export function keySlot(key: string): number {
  return crc16(hashTag(key)) % SLOTS;
}

function hashTag(key: string): string {
  const open = key.indexOf("{");
  if (open === -1) return key;
  const close = key.indexOf("}", open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

function crc16(text: string): number {
  let crc = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return crc16Of(encoder.encode(text));
    crc = step(crc, unit);
  }
  return crc;
}

function crc16Of(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = step(crc, byte);
  return crc;
}

function step(crc: number, byte: number): number {
  return ((crc << 8) ^ (TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0)) & 0xffff;
}
