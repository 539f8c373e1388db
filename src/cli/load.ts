import { setTimeout as pause } from "node:timers/promises";
import { type Client, ClientFailure } from "./client.ts";
import { entryPath } from "./entry_path.ts";
import { Latencies } from "./latencies.ts";

/** What a load is made of. */
export interface LoadPlan {
  readonly namespace: string;
  /** How long it goes on, in seconds. */
  readonly seconds: number;
  /** Calls under way at a time. */
  readonly connections: number;
  readonly valueBytes: number;
  /** The fraction of calls that read, 0 to 1; the others write. */
  readonly reads: number;
  /** How many keys there are. */
  readonly keys: number;
}

/** What has been counted of one operation. */
export class Tally {
  /** Of the calls that were answered. */
  readonly latencies = new Latencies();
  misses = 0;
  failed = 0;
}

/** For how long an entry outlives the load. */
const AFTERWARDS_SECONDS = 60;
/** Rests after a failed call, so that a service that is away is not called without pause. */
const FAILURE_PAUSE_MS = 100;

/** Calls a running service again and again. */
export class Load {
  readonly get = new Tally();
  readonly set = new Tally();
  readonly #client: Client;
  readonly #plan: LoadPlan;
  readonly #value: Uint8Array<ArrayBuffer>;
  #firstFailure: ClientFailure | undefined;

  constructor(client: Client, plan: LoadPlan) {
    this.#client = client;
    this.#plan = plan;
    this.#value = new Uint8Array(plan.valueBytes).fill(0x2e);
  }

  /** The first call of `run` that failed. */
  get firstFailure(): ClientFailure | undefined {
    return this.#firstFailure;
  }

  /** Writes every key once, uncounted; throws `ClientFailure` at the first that fails. */
  async fill(): Promise<void> {
    let next = 0;
    await this.#atOnce(async () => {
      while (next < this.#plan.keys) await this.#write(next++);
    });
  }

  /** Calls until the time is over, and tells `onCall` after each; returns how long it took. */
  async run(onCall: (elapsedSeconds: number) => void): Promise<number> {
    const startedAt = performance.now();
    const elapsed = (): number => (performance.now() - startedAt) / 1000;
    await this.#atOnce(async () => {
      while (elapsed() < this.#plan.seconds) {
        await this.#callOnce();
        onCall(elapsed());
      }
    });
    return elapsed();
  }

  async #atOnce(work: () => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: this.#plan.connections }, work));
  }

  async #callOnce(): Promise<void> {
    const key = Math.floor(Math.random() * this.#plan.keys);
    const isRead = Math.random() < this.#plan.reads;
    const tally = isRead ? this.get : this.set;
    const startedAt = performance.now();
    try {
      await (isRead ? this.#read(key) : this.#write(key));
    } catch (error) {
      if (!(error instanceof ClientFailure)) throw error;
      if (error.code !== "key_not_found") {
        tally.failed++;
        this.#firstFailure ??= error;
        await pause(FAILURE_PAUSE_MS);
        return;
      }
      tally.misses++;
    }
    tally.latencies.add(performance.now() - startedAt);
  }

  async #read(key: number): Promise<void> {
    const headers = { Accept: "application/octet-stream" };
    await this.#client.call(this.#path(key), { headers });
  }

  async #write(key: number): Promise<void> {
    const ttlSeconds = Math.ceil(this.#plan.seconds) + AFTERWARDS_SECONDS;
    await this.#client.call(`${this.#path(key)}?ttl_seconds=${ttlSeconds}`, {
      method: "PUT",
      headers: { "Content-Type": "application/octet-stream" },
      body: this.#value,
    });
  }

  #path(key: number): string {
    return entryPath(this.#plan.namespace, `bench-${key}`);
  }
}
