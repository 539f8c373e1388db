/**
 * Replaces what may be secret of a URL: the password in its `user:password@`, a user without one,
 * which may be a token, and its query.
 */
export function redactUrl(url: string): string {
  // Up to the last @: a password that should have been percent-encoded must not show in part.
  const shown = url.replace(
    /^(\w[\w+.-]*:\/\/)?([^:@]*:)?.*@/s,
    (_match, scheme: string = "", user: string = "") => `${scheme}${user}[redacted]@`,
  );
  return shown.replace(/\?.+$/s, "?[redacted]");
}

/** A text on one line between quotation marks, cut short. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
