import { Refusal } from "./cache_driver.ts";
import type { Attempt, Found } from "./convergence.ts";

/** Writes to one replica, by one of its APIs; rejects with `Refusal`. */
export interface ReplicaWriter {
  set(key: string, value: string): Promise<{ degraded: boolean; version: string }>;
  delete(key: string): Promise<{ degraded: boolean }>;
}

/** Uses one replica; rejects with `Refusal`. */
export interface ReplicaClient extends ReplicaWriter {
  get(key: string, options: { readonly noCache: boolean }): Promise<ReplicaRead>;
}

export interface ReplicaRead {
  readonly found: Found;
  /** `redis` or `local`; nothing for a miss. */
  readonly source: string | undefined;
  readonly degraded: boolean;
}

/** Sets `value` or, without one, deletes, and notes how that went by the clock `nowMs`. */
export async function attemptWrite(
  replica: ReplicaWriter,
  { key, value, nowMs }: {
    readonly key: string;
    readonly value: string | undefined;
    readonly nowMs: () => number;
  },
): Promise<Attempt> {
  const startedAtMs = nowMs();
  const ended = (outcome: Attempt["outcome"], version?: string): Attempt => ({
    value,
    startedAtMs,
    endedAtMs: nowMs(),
    outcome,
    version,
  });
  try {
    if (value === undefined) {
      const { degraded } = await replica.delete(key);
      return ended(degraded ? "degraded" : "stored");
    }
    const { degraded, version } = await replica.set(key, value);
    return ended(degraded ? "degraded" : "stored", version);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return ended("refused");
  }
}
