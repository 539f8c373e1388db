import { isEncryptionKey } from "../core/encryption_key.ts";
import { Secret } from "../core/secret.ts";

/** The longest text that lists encryption keys, in bytes. */
export const MAX_KEY_LIST_BYTES = 64 * 1024;
const MAX_KEYS = 64;

/**
 * Reads 1 to 64 keys that stand between commas, with any white space around them, the one that seals
 * first.
 * Returns what is wrong instead, in words that tell nothing of the text.
 *
 * Lines do not divide, and a comma with no key after it is wrong: a list that was cut short must not
 * pass for one whose other keys were removed.
 */
export function parseKeyList(text: string): readonly Secret[] | Error {
  if (text.length > MAX_KEY_LIST_BYTES) {
    return new Error(`A list of keys has at most ${MAX_KEY_LIST_BYTES} bytes; this one has more.`);
  }
  const items = text.split(",");
  if (items.length > MAX_KEYS) {
    return new Error(`A list of keys has at most ${MAX_KEYS} keys; this one has ${items.length}.`);
  }
  const keys: Secret[] = [];
  for (const [i, item] of items.entries()) {
    const key = item.trim();
    if (!isEncryptionKey(key)) {
      const place = `item ${i + 1} of ${items.length}`;
      return new Error(`A key is base64 of exactly 32 bytes; ${place} in the list is not.`);
    }
    keys.push(new Secret(key));
  }
  return keys;
}
