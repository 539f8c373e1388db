import type { Clock } from "../../src/core/clock.ts";
import type { ChangeListener, Lease } from "../../src/core/coherence.ts";
import { CacheError } from "../../src/core/errors.ts";
import type {
  ConnectionStatus,
  ReadResult,
  Store,
  StoreRead,
  StoreTime,
  StoreWrite,
  WriteOutcome,
} from "../../src/core/store.ts";
import type { MemoryStore } from "../../src/store/memory_store.ts";

/**
 * How the way from a replica to the store is. What is sent while it is `frozen` arrives at the thaw,
 * while it is `dead` never; `mute` loses answers only. When it is `cut`, what was not answered fails
 * at once; what has been sent still arrives, later.
 */
export type Link = "up" | "frozen" | "mute" | "dead" | "cut";

/** Which replica's clock is how wrong, and how far away it is. */
export interface Distance {
  readonly latencyMs: number;
  /** Its store time less the true one: within the uncertainty. */
  readonly clockErrorMs: number;
  readonly uncertaintyMs: number;
}

const TIMEOUT_MS = 100;
/** By so much what was under way arrives late when the link is cut. */
const STRAY_MS = 50;

class LinkLease implements Lease {
  ended = false;
  replaced = false;
  trusted(): boolean {
    return !this.ended;
  }
  superseded(): boolean {
    return this.replaced;
  }
}

/** One replica's way to a memory store that it shares with others, which it tracks as Redis would. */
export class LinkedStore implements Store, ChangeListener {
  readonly source = "redis";
  readonly timeoutMs = TIMEOUT_MS;
  readonly time: StoreTime;
  readonly #shared: MemoryStore;
  readonly #clock: Clock;
  readonly #distance: Distance;
  #others: readonly ChangeListener[] = [];
  #listener: ChangeListener | undefined;
  #link: Link = "up";
  #change = Promise.withResolvers<void>();
  #cut = Promise.withResolvers<void>();
  #lease = new LinkLease();

  constructor(
    shared: MemoryStore,
    { clock, ...distance }: Distance & { readonly clock: Clock },
  ) {
    this.#shared = shared;
    this.#clock = clock;
    this.#distance = distance;
    this.time = {
      nowMs: () => shared.time.nowMs() + distance.clockErrorMs,
      uncertaintyMs: () => distance.uncertaintyMs,
    };
  }

  /** Reports changes to `listener`, and this replica's writes to `others`. */
  connect(listener: ChangeListener, others: readonly ChangeListener[]): void {
    this.#listener = listener;
    this.#others = others;
  }

  set link(link: Link) {
    const wasTracked = this.#link === "up" || this.#link === "frozen";
    this.#link = link;
    if (link !== "up" && link !== "frozen") this.#lease.ended = true;
    if (link === "cut") {
      this.#cut.resolve();
      this.#cut = Promise.withResolvers();
    }
    if (link === "up" && !wasTracked) {
      this.#lease.replaced = true;
      this.#lease = new LinkLease();
    }
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  async get(key: string): Promise<StoreRead> {
    const lease = this.#lease;
    const read = await this.#call(() => this.#shared.get(key));
    return { entry: read.entry, lease };
  }

  async getMany(keys: readonly string[]): Promise<ReadResult[]> {
    return await Promise.all(keys.map((key) => this.get(key)));
  }

  async write(write: StoreWrite): Promise<WriteOutcome> {
    const lease = this.#lease;
    const { clockErrorMs, uncertaintyMs } = this.#distance;
    const nowMs = this.#clock.monotonicMs();
    const forMs = Math.min(TIMEOUT_MS, write.deadlineMs - nowMs - uncertaintyMs);
    const connection = this.#cut;
    const landsUntilMs = this.#link === "cut" ? -Infinity : this.time.nowMs() + forMs;
    try {
      const deadlineMs = nowMs + clockErrorMs + forMs;
      const outcome = await this.#call(() => this.#apply({ ...write, deadlineMs }, connection));
      return outcome.status === "written" ? { ...outcome, lease } : outcome;
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      return { status: "failed", error, landsUntilMs };
    }
  }

  scan(): never {
    throw new Error("a linked store is never scanned");
  }

  changed(key: string): void {
    void this.#notice(key);
  }

  allChanged(): void {
    throw new Error("a linked store is never emptied");
  }

  status(): ConnectionStatus {
    return this.#link === "up" ? "connected" : "disconnected";
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #apply(
    write: StoreWrite,
    connection: PromiseWithResolvers<void>,
  ): Promise<WriteOutcome> {
    const outcome = await this.#shared.write(write);
    if (outcome.status === "written") {
      for (const other of this.#others) other.changed(write.key);
      // NOLOOP spares the connection that wrote; one that has taken its place is another client.
      if (connection !== this.#cut) this.changed(write.key);
    }
    return outcome;
  }

  async #notice(key: string): Promise<void> {
    const lease = this.#lease;
    await this.#travel();
    if (!lease.ended) this.#listener?.changed(key);
  }

  #call<T>(work: () => Promise<T>): Promise<T> {
    const away = (): CacheError => new CacheError("redis_unavailable", "The store is away.");
    if (this.#link === "cut") return Promise.reject(away());
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => reject(away()), TIMEOUT_MS);
      void this.#cut.promise.then(() => reject(away()));
      void this.#carry(work, (result) => {
        timer.cancel();
        resolve(result);
      });
    });
  }

  /** Answers with the work's result, unless that is lost on the way. */
  async #carry<T>(work: () => Promise<T>, answer: (result: T) => void): Promise<void> {
    await this.#travel();
    if (this.#link === "dead") return;
    if (this.#link === "cut") await this.#after(STRAY_MS);
    const result = await work();
    await this.#travel();
    if (this.#link === "up") answer(result);
  }

  async #travel(): Promise<void> {
    await this.#after(this.#distance.latencyMs);
    while (this.#link === "frozen") await this.#change.promise;
  }

  async #after(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#clock.setTimer(resolve, delayMs));
  }
}
