/** Where the process stands between its start and its end; it only goes forward. */
export type Phase = "starting" | "serving" | "draining";

/** The phase of this process, and who wants to hear of its changes. */
export class Lifecycle {
  #phase: Phase = "starting";
  readonly #listeners = new Set<(phase: Phase) => void>();

  get phase(): Phase {
    return this.#phase;
  }

  /** Goes on to `phase` and tells the listeners, unless it stands there already. */
  enter(phase: Phase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    for (const listener of this.#listeners) listener(phase);
  }

  /** Calls `listener` at each change until the returned function is called. */
  onChange(listener: (phase: Phase) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
