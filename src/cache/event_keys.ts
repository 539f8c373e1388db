import { utf8Length } from "../core/key.ts";
import { MAX_EVENT_BYTES, MAX_EVENT_KEYS } from "../core/limits.ts";

/** Half of an event, so that whatever else it holds has room too. */
const MAX_KEYS_BYTES = MAX_EVENT_BYTES / 2;

/** The distinct ones of `keys`, in groups of which each fits one invalidation event. */
export function eventKeys(keys: Iterable<string>): string[][] {
  const groups: string[][] = [];
  let group: string[] = [];
  let bytes = 0;
  for (const key of new Set(keys)) {
    const keyBytes = utf8Length(JSON.stringify(key)) + 1;
    if (group.length === MAX_EVENT_KEYS || bytes + keyBytes > MAX_KEYS_BYTES) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(key);
    bytes += keyBytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
