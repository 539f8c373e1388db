/** The time during which the store is known to report changes of what was read under it. */
export interface Lease {
  /** Whether what was read under it may be answered as fresh now. */
  trusted(): boolean;
}
