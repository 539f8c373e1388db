/** One write of a key that some replica was asked for, as its client saw it. */
export interface Attempt {
  /** What was set, a value that no other attempt has; nothing for a delete. */
  readonly value: string | undefined;
  /** Milliseconds of the client's clock. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: "stored" | "degraded" | "refused";
  /** Of an acknowledged set. */
  readonly version?: string | undefined;
}

/** What a read found; nothing for a miss. */
export type Found = { readonly value: string; readonly version: string } | undefined;

/** The digit of a version that begins the writer id; from 8 on, the store raised the stamp. */
const WRITER_DIGIT = 16;

/**
 * Returns why `found` cannot be what stands after `attempts` on one key, once all is quiet, or
 * nothing where it can. Of two attempts the later is one that was asked for more than `gapMs` (twice
 * the clocks' uncertainty) after the other had been answered; closer ones may be ordered either way.
 */
export function convergenceFault(
  attempts: readonly Attempt[],
  { found, gapMs }: { readonly found: Found; readonly gapMs: number },
): string | undefined {
  const acknowledged = attempts.filter(({ outcome }) => outcome !== "refused");
  const isLater = (a: Attempt, b: Attempt): boolean => a.startedAtMs > b.endedAtMs + gapMs;
  for (const a of acknowledged) {
    const older = acknowledged.find((b) => isLater(a, b) && versionOf(b) > versionOf(a));
    if (a.version !== undefined && older !== undefined) {
      return `${a.version} came after ${older.version}, which is higher`;
    }
  }
  const isOutdone = (attempt: Attempt): boolean => acknowledged.some((a) => isLater(a, attempt));
  if (found === undefined) {
    const mayBeMiss = acknowledged.length === 0 ||
      attempts.some((attempt) => attempt.value === undefined && !isOutdone(attempt));
    return mayBeMiss ? undefined : "an acknowledged set is lost";
  }
  const origin = attempts.find(({ value }) => value === found.value);
  if (origin === undefined) return `nobody set ${found.value}`;
  if (isOutdone(origin)) return `${found.value} stands, which a later write has replaced`;
  const highest = acknowledged.map(versionOf).reduce((a, b) => a > b ? a : b, "");
  if (highest > found.version) return `${highest} was acknowledged, ${found.version} stands`;
  // A write that landed unnoticed before it was journaled may have been raised there.
  const mayBeRaised = origin.outcome !== "stored" && (found.version[WRITER_DIGIT] ?? "") >= "8";
  if (origin.version === undefined || origin.version === found.version || mayBeRaised) return;
  return `${found.value} was acknowledged as ${origin.version} and stands as ${found.version}`;
}

function versionOf(attempt: Attempt): string {
  return attempt.version ?? "";
}
