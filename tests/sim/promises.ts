import { type Entry, isLive, isTombstone } from "../../src/core/entry.ts";
import { compareStamps, formatStamp, type Stamp } from "../../src/core/stamp.ts";
import { describe, type History, type ReadRecord, type WriteRecord } from "./history.ts";
import { WORLD_EPOCH_MS } from "./sim_process.ts";
import { LONGEST_OPENING_MS } from "./values.ts";
import type { Stored } from "./write_model.ts";

/** For so long an answer that is not marked degraded may be behind Redis. */
const STALENESS_BOUND_MS = 2000;
/** Redis compares whole milliseconds, and timers are set in whole ones. */
const ROUNDING_MS = 2;

/** How the world stood at its end. */
export interface WorldEnd {
  /** Calls from then on meet a world without faults. */
  readonly quietFromMs: number;
  readonly endMs: number;
  /** What Redis holds of each key. */
  readonly held: ReadonlyMap<string, Stored | undefined>;
  /** Entries left in each replica's journal. */
  readonly owed: readonly number[];
  /** Whether a failure is told only when the write certainly will not be made any more. */
  readonly waits: boolean;
  /** When each replica's process stood still. */
  readonly stops: readonly (readonly { readonly fromMs: number; readonly untilMs: number }[])[];
}

/** Each promise of semantics.md that the history breaks, in words. */
export function checkPromises(history: History, end: WorldEnd): string[] {
  const checker = new Checker(history, end);
  return checker.check();
}

class Checker {
  readonly #history: History;
  readonly #end: WorldEnd;
  readonly #broken: string[] = [];

  constructor(history: History, end: WorldEnd) {
    this.#history = history;
    this.#end = end;
  }

  check(): string[] {
    const { reads, writes } = this.#history;
    for (const write of writes) {
      this.#endsInTime(write, describe(write));
      this.#isDoneWhenAnswered(write);
    }
    for (const read of reads) {
      const isLast = read.invokedMs >= this.#end.quietFromMs;
      this.#endsInTime(read, describeRead(read));
      if (read.error === undefined && read.answeredMs !== undefined) {
        this.#isOfItsKey(read);
        if (!read.degraded) this.#isFresh(read);
        this.#isNotOlderThanOwnWrites(read);
      }
      if (isLast) this.#agreesWithRedis(read);
    }
    for (const [key, stored] of this.#end.held) this.#holdsTheHighest(key, stored?.entry);
    for (const [replica, count] of this.#end.owed.entries()) {
      if (count > 0) this.#fail(`r${replica} still owes ${count} writes at the end`);
    }
    return this.#broken;
  }

  /**
   * Every call ends by its deadline, or when its stopped process goes on. Opening what is at hand
   * waits for no deadline.
   */
  #endsInTime(call: ReadRecord | WriteRecord, name: string): void {
    const { deadlineMs, answeredMs = Infinity, replica } = call;
    let latestMs = deadlineMs;
    for (const { fromMs, untilMs } of this.#end.stops[replica] ?? []) {
      if (fromMs <= latestMs && latestMs < untilMs) latestMs = untilMs;
    }
    if (answeredMs <= latestMs + ROUNDING_MS + LONGEST_OPENING_MS) return;
    this.#fail(`${name} ended at ${answeredMs}, its deadline was ${deadlineMs}`);
  }

  /** What is acknowledged as stored is; a call that has been answered does nothing any more. */
  #isDoneWhenAnswered(write: WriteRecord): void {
    const { answer, answeredMs = Infinity, executions } = write;
    const sent = executions.filter(({ mode }) => mode === "ordinary");
    if (answer === "stored" && sent.length === 0) {
      this.#fail(`${describe(write)} was acknowledged and never stored`);
    }
    if (sent.length > 1) this.#fail(`${describe(write)} was made ${sent.length} times`);
    const isUnknown = answer === "redis_unavailable" || answer === "partly";
    if (answer === "cancelled" || !this.#end.waits && isUnknown) return;
    for (const { atMs } of sent) {
      if (atMs <= answeredMs + ROUNDING_MS) continue;
      this.#fail(`${describe(write)} was made at ${atMs}, after its answer "${answer}"`);
    }
  }

  #isOfItsKey(read: ReadRecord): void {
    if (read.value === undefined) return;
    const write = this.#writeOf(read.value);
    if (write.key !== read.key) this.#fail(`${describeRead(read)}, a value of ${write.key}`);
    if (read.version === undefined) return;
    const stamps = [write.entry?.stamp, ...write.executions.map(({ stamp }) => stamp)];
    if (stamps.some((stamp) => stamp && formatStamp(stamp) === read.version)) return;
    this.#fail(`${describeRead(read)} with another version than it was written under`);
  }

  /** What was answered stood in Redis not longer ago than the bound; with no-cache, meanwhile. */
  #isFresh(read: ReadRecord): void {
    const fromMs = read.invokedMs - (read.noCache ? 0 : STALENESS_BOUND_MS);
    if (this.#stood(read, fromMs)) return;
    this.#fail(`${describeRead(read)}, not marked degraded, and did not stand since ${fromMs}`);
  }

  /**
   * A read after a write that its replica acknowledged does not answer what stood before it. From the
   * moment that Redis holds this write or a newer one, whatever stands there may be answered.
   */
  #isNotOlderThanOwnWrites(read: ReadRecord): void {
    const own = this.#history.writes.filter(({ key, replica }) =>
      key === read.key && replica === read.replica
    );
    const last = highest(own.filter(({ answeredMs = Infinity }) => answeredMs < read.invokedMs));
    if (last === undefined) return;
    const { write, stamp } = last;
    const answeredMs = read.answeredMs ?? Infinity;
    const isNewer = (other: WriteRecord): boolean =>
      other.entry !== undefined && other.sentAtMs <= answeredMs &&
      compareStamps(other.entry.stamp, stamp) > 0;
    if (read.value === undefined) {
      const isOver = write.isDelete || this.#hasExpired(write, read) || own.some(isNewer);
      if (isOver) return;
    } else {
      const seen = this.#writeOf(read.value);
      if (seen === write || seen.replica === read.replica && isNewer(seen)) return;
    }
    const landed = this.#history.states.get(read.key)?.find(({ fromMs, entry }) =>
      fromMs <= answeredMs && entry !== undefined && compareStamps(entry.stamp, stamp) >= 0
    );
    if (landed !== undefined && read.value === undefined && read.degraded) return;
    if (landed !== undefined && this.#stood(read, landed.fromMs)) return;
    this.#fail(`${describeRead(read)} after its replica acknowledged ${describe(write)}`);
  }

  #hasExpired(
    { entry }: WriteRecord,
    { answeredMs = Infinity, uncertaintyMs }: ReadRecord,
  ): boolean {
    if (entry === undefined) return false;
    return entry.expiresAtMs - uncertaintyMs <= WORLD_EPOCH_MS + answeredMs + ROUNDING_MS;
  }

  /** After quiet every replica answers what Redis holds, and not as degraded. */
  #agreesWithRedis(read: ReadRecord): void {
    const entry = this.#end.held.get(read.key)?.entry;
    const nowMs = WORLD_EPOCH_MS + this.#end.endMs;
    const isHeld = entry !== undefined && isLive(entry, nowMs);
    const value = isHeld ? this.#history.states.get(read.key)?.at(-1)?.write?.number : undefined;
    const isExpiring = entry !== undefined && !isHeld && !isTombstone(entry);
    if (read.error === undefined && !read.degraded && (read.value === value || isExpiring)) return;
    const holds = value === undefined ? "nothing" : `#${value}`;
    this.#fail(`${describeRead(read)} after quiet, and Redis holds ${holds}`);
  }

  /**
   * Redis holds no less than the highest stamp that was acknowledged. Where it has forgotten stamps,
   * because it lost data or because a value expired, writes up to those may be gone or come back, but
   * never those from before a tombstone that stood its time.
   */
  #holdsTheHighest(key: string, entry: Entry | undefined): void {
    const forgotten = this.#history.forgotten.get(key) ?? [];
    const lost = highestStamp(forgotten.map(({ stamp }) => stamp));
    const buried = highestStamp(forgotten.map((end) => end.buried));
    // Where tombstones are not kept, nothing stands under the stamp of the delete.
    const standing = entry?.stamp ?? this.#history.states.get(key)?.at(-1)?.write?.entry?.stamp;
    const isLiveEntry = entry !== undefined &&
      isLive(entry, WORLD_EPOCH_MS + this.#end.endMs);
    if (isLiveEntry && isUpTo(entry.stamp, buried) && this.#isReplayed(key)) {
      this.#fail(`${key} holds ${this.#nameOf(key)}, from before a tombstone that is over`);
    }
    for (const write of this.#history.writes) {
      const stamp = acknowledgedStamp(write);
      if (write.key !== key || stamp === undefined || isUpTo(stamp, lost)) continue;
      if (standing === undefined || compareStamps(standing, stamp) < 0) {
        this.#fail(
          `${describe(write)} of ${key} was acknowledged; Redis holds ${this.#nameOf(key)}`,
        );
      } else this.#isNotLong(key, write);
    }
  }

  /** By the clock the write was not made long after the one that stands. */
  #isNotLong(key: string, write: WriteRecord): void {
    const state = this.#history.states.get(key)?.at(-1);
    const standing = state?.write;
    if (state === undefined || standing === undefined || standing === write) return;
    // An ordinary write may be raised above what came before it until the moment it is made.
    const madeMs = this.#isReplayed(key) ? standing.sentAtMs : state.fromMs;
    const uncertaintyMs = Math.max(
      ...this.#history.writes.map((other) =>
        Number.isFinite(other.uncertaintyMs) ? other.uncertaintyMs : 0
      ),
    );
    if (write.sentAtMs <= madeMs + 2 * uncertaintyMs + ROUNDING_MS) return;
    this.#fail(`${describe(standing)} stands in ${key}, though ${describe(write)} came later`);
  }

  /** Whether what Redis holds is a write that it was owed, not one that was made while its call ran. */
  #isReplayed(key: string): boolean {
    const state = this.#history.states.get(key)?.at(-1);
    return state?.write?.executions.some(({ atMs, mode, stamp }) =>
      atMs === state.fromMs && mode === "replay" && stamp !== undefined
    ) ?? false;
  }

  /** Whether Redis held what was read at some time from `fromMs` until the answer. */
  #stood(
    { key, value, answeredMs = Infinity, uncertaintyMs }: ReadRecord,
    fromMs: number,
  ): boolean {
    const slackMs = uncertaintyMs + ROUNDING_MS;
    const states = this.#history.states.get(key) ?? [];
    const overlaps = (sinceMs: number, untilMs: number): boolean =>
      sinceMs <= answeredMs && untilMs >= fromMs - ROUNDING_MS && sinceMs <= untilMs;
    if (value === undefined && overlaps(-Infinity, states[0]?.fromMs ?? Infinity)) return true;
    for (const [i, { fromMs: sinceMs, entry, write }] of states.entries()) {
      const untilMs = states[i + 1]?.fromMs ?? Infinity;
      const isValue = entry !== undefined && !isTombstone(entry);
      const expiresMs = isValue ? entry.expiresAtMs - WORLD_EPOCH_MS : -Infinity;
      if (value === undefined) {
        // Also what was alive when it was read, and has expired by the time of the answer.
        if (expiresMs - slackMs <= answeredMs && overlaps(sinceMs, untilMs)) return true;
      } else if (isValue && write?.number === value) {
        if (overlaps(sinceMs, Math.min(untilMs, expiresMs + slackMs))) return true;
      }
    }
    return false;
  }

  #writeOf(number: number): WriteRecord {
    const write = this.#history.writes[number - 1];
    if (write === undefined) throw new Error(`nobody wrote #${number}`);
    return write;
  }

  #nameOf(key: string): string {
    const state = this.#history.states.get(key)?.at(-1);
    if (state?.entry === undefined || state.write === undefined) return "nothing";
    return describe(state.write);
  }

  #fail(what: string): void {
    this.#broken.push(what);
  }
}

/** The stamp under which a write was acknowledged: the stored one, or its own where it was owed. */
function acknowledgedStamp({ answer, entry, executions }: WriteRecord): Stamp | undefined {
  if (answer === "degraded") return entry?.stamp;
  if (answer !== "stored") return undefined;
  return executions.find(({ mode }) => mode === "ordinary")?.stamp;
}

function highest(
  writes: readonly WriteRecord[],
): { readonly write: WriteRecord; readonly stamp: Stamp } | undefined {
  let best: { readonly write: WriteRecord; readonly stamp: Stamp } | undefined;
  for (const write of writes) {
    const stamp = acknowledgedStamp(write);
    if (stamp === undefined) continue;
    if (best === undefined || compareStamps(stamp, best.stamp) > 0) best = { write, stamp };
  }
  return best;
}

function highestStamp(stamps: readonly (Stamp | undefined)[]): Stamp | undefined {
  return stamps.filter((stamp) => stamp !== undefined).sort(compareStamps).at(-1);
}

function isUpTo(stamp: Stamp, limit: Stamp | undefined): boolean {
  return limit !== undefined && compareStamps(stamp, limit) <= 0;
}

function describeRead({ replica, key, value, invokedMs, answeredMs, error }: ReadRecord): string {
  const what = error ?? (value === undefined ? "a miss" : `#${value}`);
  return `r${replica} read ${key} at ${invokedMs} and got ${what} at ${answeredMs}`;
}
