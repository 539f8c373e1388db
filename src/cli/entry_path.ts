/** The path of a namespace, or of what is below it; `rest` is a path already. */
export function namespacePath(namespace: string, rest: string): string {
  return `/api/v1/cache/${encodeURIComponent(namespace)}/${rest}`;
}

/** The path of an entry. */
export function entryPath(namespace: string, key: string): string {
  return namespacePath(namespace, encodeURIComponent(key));
}

/** Whether no path leads to a key, because a URL folds it away, encoded or not. */
export function hasNoPath(key: string): boolean {
  return key === "." || key === "..";
}
