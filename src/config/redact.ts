/**
 * Replaces the password in the `user:password@` of a URL. A user without password may be a token
 * and is replaced as well.
 */
export function redactUserinfo(url: string): string {
  // Up to the last @: a password that should have been percent-encoded must not show in part.
  return url.replace(
    /^(\w[\w+.-]*:\/\/)?([^:@]*:)?.*@/s,
    (_match, scheme: string = "", user: string = "") => `${scheme}${user}[redacted]@`,
  );
}

/** A text on one line between quotation marks, cut short. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
