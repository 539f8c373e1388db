import assert from "node:assert/strict";

/**
 * A run of so many characters of a confidential text gives it away: a parser's message quotes ten.
 * Of hexadecimal digits it takes more, for there are others.
 */
const TELLING_LENGTH = 8;
const TELLING_HEX_LENGTH = 16;

/** Texts that must not show, in whole or in part, as they are or in a usual encoding. */
export class Confidential {
  /** What each telling piece belongs to. */
  readonly #pieces = new Map<string, string>();

  /** Adds `text`, which `name` stands for in messages, and returns it. */
  add(name: string, text: string): string {
    assert.ok(text.length >= TELLING_LENGTH, `${name} is too short to be told from other text`);
    for (const form of formsOf(text)) {
      const length = /^[0-9a-f]+$/.test(form) ? TELLING_HEX_LENGTH : TELLING_LENGTH;
      for (let start = 0; start + length <= form.length; start++) {
        this.#pieces.set(form.slice(start, start + length), name);
      }
    }
    return text;
  }

  /** Adds a token's claims and signature; what it has in common with other tokens may show. */
  addToken(name: string, token: string): string {
    const [, claims = "", signature = ""] = token.split(".");
    for (const part of [claims, signature]) {
      if (part.length >= TELLING_LENGTH) this.add(name, part);
    }
    return token;
  }

  /** Throws, without quoting it, if `text` shows anything of what was added. */
  assertAbsent(text: string, where: string): void {
    for (const [piece, name] of this.#pieces) {
      const at = text.indexOf(piece);
      if (at < 0) continue;
      const line = text.slice(text.lastIndexOf("\n", at) + 1, at);
      assert.fail(`${where} shows the ${name}, after: ${line.slice(-200)}`);
    }
  }
}

/** The text itself, and as it looks inside JSON, URLs, base64 and hexadecimal digits. */
function formsOf(text: string): Set<string> {
  const bytes = new TextEncoder().encode(text);
  const base64 = bytes.toBase64().replace(/=+$/, "");
  return new Set([
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    base64,
    base64.replaceAll("+", "-").replaceAll("/", "_"),
    bytes.toHex(),
  ]);
}

/** `length` random bytes in base64url. */
export function randomText(length = 32): string {
  return crypto.getRandomValues(new Uint8Array(length)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}
