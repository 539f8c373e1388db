import type { Copies } from "./copies.ts";
import type { OutageJournal } from "./outage_journal.ts";
import type { Recovery } from "./recovery.ts";
import type { Opened } from "./operations.ts";

/** What a process keeps beside the store: copies of its entries, and writes that it is owed. */
export interface Local {
  readonly copies: Copies<Opened | undefined>;
  readonly journal: OutageJournal;
  readonly recovery: Recovery;
  /** Whether writes are accepted while the store is away. */
  readonly acceptsWrites: boolean;
  /** How copies are used now: `fallback` where that is set, or where the store does not track. */
  mode(): "near" | "fallback";
  /** Told of each load that was spared by joining another. */
  onJoined?(): void;
}
