import type { Clock, Timer } from "../core/clock.ts";

export interface KafkaHeartbeatsOptions {
  readonly beat: () => Promise<void>;
  readonly everyMs: number;
  /** Ends them: the group need not wait for a member that leaves. */
  readonly closing: AbortSignal;
  readonly clock: Clock;
}

/** Tells the group, while a batch is being handled, that this member is alive. */
export class KafkaHeartbeats {
  readonly #options: KafkaHeartbeatsOptions;
  readonly #lost = new AbortController();
  #timer: Timer;
  readonly #stop = (): void => this.stop();
  #isStopped = false;

  constructor(options: KafkaHeartbeatsOptions) {
    this.#options = options;
    this.#timer = this.#next();
    options.closing.addEventListener("abort", this.#stop);
  }

  /** Aborted, with the failure, when the group gives the member's partitions away. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer.cancel();
    this.#options.closing.removeEventListener("abort", this.#stop);
  }

  #next(): Timer {
    const { clock, everyMs } = this.#options;
    return clock.setTimer(() => void this.#beat(), everyMs);
  }

  async #beat(): Promise<void> {
    try {
      await this.#options.beat();
      if (!this.#isStopped) this.#timer = this.#next();
    } catch (error) {
      this.#lost.abort(error);
    }
  }
}
