/** Below this path lie the namespaces. */
export const CACHE_PATH = "/api/v1/cache/";

/** The routes below a namespace: one key, one of the batches, or a key that can be posted to too. */
export type CacheRoute = "key" | "batch/get" | "batch/set" | "invalidate";

/** Where below `CACHE_PATH` a request points; both segments are as they were sent, not decoded. */
export interface CacheTarget {
  readonly route: CacheRoute;
  readonly namespace: string;
  /** Empty for a batch. */
  readonly key: string;
}

/** The path of a URL as it was sent: nothing decoded, no dots folded, without the query. */
export function rawPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start === -1) return "/";
  const query = url.indexOf("?", start);
  const path = url.slice(start, query === -1 ? url.length : query);
  const fragment = path.indexOf("#");
  return fragment === -1 ? path : path.slice(0, fragment);
}

/** The query of a URL, empty where there is none. */
export function rawQuery(url: string): string {
  const query = url.indexOf("?");
  return query === -1 ? "" : url.slice(query + 1);
}

/** Splits the raw path of a cache route; nothing for a path that is no route. */
export function cacheTarget(path: string): CacheTarget | undefined {
  if (!path.startsWith(CACHE_PATH)) return undefined;
  const slash = path.indexOf("/", CACHE_PATH.length);
  if (slash === -1) return undefined;
  const namespace = path.slice(CACHE_PATH.length, slash);
  const rest = path.slice(slash + 1);
  if (rest === "invalidate") return { route: rest, namespace, key: rest };
  if (!rest.includes("/")) return { route: "key", namespace, key: rest };
  if (rest === "batch/get" || rest === "batch/set") return { route: rest, namespace, key: "" };
  return undefined;
}

/**
 * The text that a path segment stands for, or nothing where it is not percent-encoded UTF-8. A `+`
 * is a plus, and a byte order mark stays.
 */
export function decodeSegment(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    // Strict by its definition: stray `%`, overlong forms, surrogates and cut sequences all throw.
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
