import { type Entry, isTombstone } from "../../src/core/entry.ts";
import { compareStamps, formatStamp, type Stamp } from "../../src/core/stamp.ts";
import type { StoreWrite, WriteMode } from "../../src/core/store.ts";
import { type RedisObserver } from "./sim_redis.ts";
import { KEY_PREFIX } from "./sim_store.ts";
import { valueNumber } from "./values.ts";
import type { VirtualTime } from "./virtual_time.ts";
import type { ArrivedWrite, Effect, Stored } from "./write_model.ts";

/** What Redis once did with a write. */
export interface Execution {
  readonly atMs: number;
  readonly mode: WriteMode;
  /** Under which it was stored; absent where a newer one stood there. */
  readonly stamp: Stamp | undefined;
}

/** One write of one key, as its client saw it and as it was stored. */
export interface WriteRecord {
  /** The number that its value holds. */
  readonly number: number;
  readonly replica: number;
  readonly key: string;
  readonly isDelete: boolean;
  readonly invokedMs: number;
  readonly deadlineMs: number;
  /** The entry with the stamp that the replica gave it, when it was first sent. */
  entry: Entry | undefined;
  sentAtMs: number;
  /** How wrong the replica's idea of Redis time might be when it gave the stamp. */
  uncertaintyMs: number;
  readonly executions: Execution[];
  answeredMs: number | undefined;
  /** `stored`, `degraded`, or the code of an error; `partly` in a batch that was not stored whole. */
  answer: string | undefined;
}

/** One read of one key. */
export interface ReadRecord {
  readonly replica: number;
  readonly key: string;
  readonly noCache: boolean;
  readonly invokedMs: number;
  readonly deadlineMs: number;
  answeredMs: number | undefined;
  /** The code of an error. */
  error: string | undefined;
  /** The number of the value; absent for a miss. */
  value: number | undefined;
  version: string | undefined;
  degraded: boolean;
  /** As of a write. */
  uncertaintyMs: number;
}

/** What Redis held of a key from one moment on, until the next state. */
export interface KeyState {
  readonly fromMs: number;
  /** Absent where it holds nothing. */
  readonly entry: Entry | undefined;
  readonly write: WriteRecord | undefined;
}

/** That Redis forgot a key, and with it every stamp up to `stamp`: such writes may come back. */
export interface Forgotten {
  readonly stamp: Stamp;
  /** That of a tombstone that stood its time: what is older must not come back. */
  readonly buried: Stamp | undefined;
}

/** Everything that happened in a world, for its promises to be checked against. */
export class History implements RedisObserver {
  readonly writes: WriteRecord[] = [];
  readonly reads: ReadRecord[] = [];
  readonly states = new Map<string, KeyState[]>();
  readonly forgotten = new Map<string, Forgotten[]>();
  /** What happened, one line each; filled where it is asked for. */
  readonly trace: string[] = [];
  readonly #time: VirtualTime;
  readonly #tracing: boolean;
  readonly #byStamp = new Map<string, WriteRecord>();
  /** The write that Redis decided about last; what changes by a write changes by this one. */
  #lastWrite: WriteRecord | undefined;

  constructor(time: VirtualTime, options: { readonly tracing: boolean }) {
    this.#time = time;
    this.#tracing = options.tracing;
  }

  /** Adds a line to the trace. */
  note(who: string, what: () => string): void {
    if (!this.#tracing) return;
    this.trace.push(`${this.#time.nowMs.toFixed(2).padStart(10)}  ${who.padEnd(6)} ${what()}`);
  }

  write(
    of: Pick<WriteRecord, "replica" | "key" | "isDelete" | "deadlineMs">,
  ): WriteRecord {
    const write: WriteRecord = {
      ...of,
      number: this.writes.length + 1,
      invokedMs: this.#time.nowMs,
      entry: undefined,
      sentAtMs: NaN,
      uncertaintyMs: NaN,
      executions: [],
      answeredMs: undefined,
      answer: undefined,
    };
    this.writes.push(write);
    return write;
  }

  read(of: Pick<ReadRecord, "replica" | "key" | "noCache" | "deadlineMs">): ReadRecord {
    const read: ReadRecord = {
      ...of,
      invokedMs: this.#time.nowMs,
      answeredMs: undefined,
      error: undefined,
      value: undefined,
      version: undefined,
      degraded: false,
      uncertaintyMs: 0,
    };
    this.reads.push(read);
    return read;
  }

  /** A replica gives a write to its store: the first time it does is that of the stamp. */
  sent(replica: number, { key, entry }: StoreWrite, uncertaintyMs: number): void {
    const stamp = formatStamp(entry.stamp);
    if (this.#byStamp.has(stamp)) return;
    const write = isTombstone(entry)
      ? this.writes.find((other) =>
        other.isDelete && other.replica === replica && other.key === key &&
        other.entry === undefined && other.answer === undefined
      )
      : this.writes[valueNumber(entry.payload) - 1];
    if (write === undefined) throw new Error(`a write of ${key} was sent that nobody asked for`);
    write.entry = entry;
    write.sentAtMs = this.#time.nowMs;
    write.uncertaintyMs = uncertaintyMs;
    this.#byStamp.set(stamp, write);
  }

  decided(redisKey: string, { entry, mode }: ArrivedWrite, effect: Effect): void {
    const write = this.#byStamp.get(formatStamp(entry.stamp));
    if (write === undefined) throw new Error("Redis got a write that nobody sent");
    this.note("redis", () => {
      const stamp = effect.status === "written" ? formatStamp(effect.stamp) : "";
      const how = effect.status === "written" && effect.isExpired ? " as a tombstone" : "";
      return `${mode} ${describe(write)} of ${redisKey}: ${effect.status}${how} ${stamp}`;
    });
    if (effect.status === "late") return;
    const stamp = effect.status === "written" ? effect.stamp : undefined;
    write.executions.push({ atMs: this.#time.nowMs, mode, stamp });
    this.#lastWrite = write;
  }

  changed(redisKey: string, stored: Stored | undefined, how: "write" | "expired" | "lost"): void {
    const key = redisKey.slice(KEY_PREFIX.length);
    let states = this.states.get(key);
    if (states === undefined) this.states.set(key, states = []);
    if (how !== "write") {
      this.note("redis", () => `${redisKey} is ${how}`);
      this.#forget(key, { states, how });
    }
    const write = how === "write" ? this.#lastWrite : undefined;
    states.push({ fromMs: this.#time.nowMs, entry: stored?.entry, write });
  }

  #forget(
    key: string,
    { states, how }: { readonly states: readonly KeyState[]; readonly how: "expired" | "lost" },
  ): void {
    const held = states.at(-1)?.entry;
    if (held === undefined) return;
    let { stamp } = held;
    for (const { entry } of states) {
      if (entry !== undefined && compareStamps(entry.stamp, stamp) > 0) stamp = entry.stamp;
    }
    // A set that replaces a tombstone holds the key for the time that this would have stood.
    const grave = [held, states.at(-2)?.entry].find((entry) => entry && isTombstone(entry));
    const buried = how === "expired" ? grave?.stamp : undefined;
    const forgotten = this.forgotten.get(key) ?? [];
    this.forgotten.set(key, [...forgotten, { stamp, buried }]);
  }
}

/** A write as a trace names it. */
export function describe(write: WriteRecord): string {
  return `${write.isDelete ? "delete" : "set"} #${write.number}`;
}
