import { CacheError } from "./errors.ts";
import { MAX_NAMESPACE_LENGTH } from "./limits.ts";

const NAMESPACE = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;

/** Returns what is wrong with a namespace, or nothing. */
export function namespaceFault(namespace: string): CacheError | undefined {
  if (NAMESPACE.test(namespace)) return undefined;
  return new CacheError(
    "invalid_namespace",
    `A namespace is 1 to ${MAX_NAMESPACE_LENGTH} characters out of A-Z a-z 0-9 . _ - and starts ` +
      `with a letter, a digit or _; this one has ${namespace.length} characters.`,
  );
}

/**
 * Returns what is wrong with a key, or nothing. A key is well-formed Unicode of 1 to `maxBytes`
 * bytes of UTF-8.
 */
export function keyFault(key: string, maxBytes: number): CacheError | undefined {
  if (key.length === 0) return new CacheError("invalid_key", "The key is empty.");
  // A UTF-16 unit takes at most three bytes of UTF-8, so short keys need no counting.
  if (key.length * 3 > maxBytes) {
    const bytes = key.length > maxBytes ? key.length : utf8Length(key);
    if (bytes > maxBytes) {
      const received = key.length > maxBytes ? `at least ${bytes}` : `${bytes}`;
      return new CacheError(
        "invalid_key",
        `A key has at most ${maxBytes} bytes of UTF-8; this one has ${received}.`,
      );
    }
  }
  if (!key.isWellFormed()) {
    return new CacheError("invalid_key", "The key is not well-formed Unicode.");
  }
  return undefined;
}

/**
 * The key under which the store holds an entry. A namespace holds no colon, so the first colon
 * ends it and no two pairs share a store key.
 */
export function storeKey(namespace: string, key: string): string {
  return storeKeyPrefix(namespace) + key;
}

/** What the store keys of a namespace, and no others, start with; the key itself follows. */
export function storeKeyPrefix(namespace: string): string {
  return `${namespace}:`;
}

/** Bytes of UTF-8 that a string takes; a lone surrogate counts as three. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) {
      bytes += 2;
      i++;
    } else bytes += 2;
  }
  return bytes;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
