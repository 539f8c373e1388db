import { quote } from "./redact.ts";

const MAX_EDITS = 2;

/**
 * Whether Kubernetes puts this variable into every container for a Service of its namespace. A
 * Service named `metrics` brings METRICS_PORT=tcp://…, which must not count as the setting.
 */
export function isInjectedByKubelet(name: string, value: string): boolean {
  return /_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)/.test(name) ||
    (name.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(value));
}

/**
 * Finds the names that begin like a setting and are none: a typing mistake is a fault, anything
 * else a warning. Names that begin otherwise belong to others.
 */
export function findUnknownNames(
  names: Iterable<string>,
  known: ReadonlySet<string>,
): { faults: readonly string[]; warnings: readonly string[] } {
  const prefixes = new Set(Array.from(known, prefixOf));
  const faults: string[] = [];
  const warnings: string[] = [];
  for (const name of names) {
    if (known.has(name) || !prefixes.has(prefixOf(name))) continue;
    const meant = nearest(name, known);
    const shown = /^\w{1,100}$/.test(name) ? name : quote(name);
    if (meant === undefined) warnings.push(`${shown} is not a setting; it is ignored`);
    else faults.push(`${shown} is not a setting; did you mean ${meant}?`);
  }
  return { faults, warnings };
}

function prefixOf(name: string): string {
  return name.slice(0, name.indexOf("_") + 1);
}

function nearest(name: string, known: ReadonlySet<string>): string | undefined {
  for (let edits = 1; edits <= MAX_EDITS; edits++) {
    for (const candidate of known) {
      if (isWithinEdits(name, candidate, { edits })) return candidate;
    }
  }
  return undefined;
}

/** Whether `edits` insertions, removals, replacements or swaps of neighbours make `a` into `b`. */
function isWithinEdits(a: string, b: string, { edits }: { edits: number }): boolean {
  // Also bounds the work: no name much longer than a setting is looked into.
  if (Math.abs(a.length - b.length) > edits) return false;
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const [restA, restB] = [a.slice(same), b.slice(same)];
  if (edits === 0) return restA === restB;
  const fewer = { edits: edits - 1 };
  return isWithinEdits(restA.slice(1), restB, fewer) ||
    isWithinEdits(restA, restB.slice(1), fewer) ||
    isWithinEdits(restA.slice(1), restB.slice(1), fewer) ||
    (restA[0] === restB[1] && restA[1] === restB[0] &&
      isWithinEdits(restA.slice(2), restB.slice(2), fewer));
}
