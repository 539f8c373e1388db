const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;

/**
 * Whether JSON text has more values than `maxValues`, members, items and the whole counted. Linear,
 * and far cheaper than to parse: a short body can hold a million values, which take seconds. Text
 * that is no JSON gets some answer.
 */
export function hasMoreValues(json: Uint8Array, maxValues: number): boolean {
  let values = 1;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = endOfString(json, at + 1);
      if (at === -1) return false;
    } else if (byte === COMMA || byte === OPENING_BRACKET || byte === OPENING_BRACE) {
      if (++values > maxValues) return true;
    }
  }
  return false;
}

/** The closing quote of the string that begins at `start`, or -1. */
function endOfString(json: Uint8Array, start: number): number {
  const quote = json.indexOf(QUOTE, start);
  if (quote <= start || json[quote - 1] !== BACKSLASH) return quote;
  // Escaped, or after an escaped backslash: only going through the string tells.
  for (let at = start; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  return -1;
}
