/** The time during which the store is known to report changes of what was read under it. */
export interface Lease {
  /** Whether what was read under it may be answered as fresh now. */
  trusted(): boolean;
  /**
   * Whether a later lease has taken its place. What was read under it is then of no use any more,
   * not even while the store is away: changes in between went unreported.
   */
  superseded(): boolean;
}

/** Of what is not to be remembered at all. */
export const NO_LEASE: Lease = { trusted: () => false, superseded: () => true };

/** Hears from the store that entries have changed. */
export interface ChangeListener {
  /** The entry under a store key was written, deleted or has expired, not by this process. */
  changed(key: string): void;
  /** Any entry may have changed. */
  allChanged(): void;
}
