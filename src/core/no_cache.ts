/**
 * Whether a Cache-Control header or metadata value has the directive `no-cache` (RFC 9111, section
 * 5.2.1.4), in any case and among others.
 */
export function asksNoCache(cacheControl: string | null | undefined): boolean {
  if (cacheControl === null || cacheControl === undefined) return false;
  return cacheControl.split(",").some((directive) => directive.trim().toLowerCase() === "no-cache");
}
