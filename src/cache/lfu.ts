import type { BoundedMap, BoundedMapOptions } from "./eviction.ts";

const USES_PER_ENTRY_AND_ERA = 10;

interface Entry<V> {
  readonly key: string;
  value: V;
  bytes: number;
  /** Its run, or one that has become part of it. */
  run: Run<V>;
  previous: Entry<V> | undefined;
  next: Entry<V> | undefined;
}

/** The entries of one count, which stand together. */
interface Run<V> {
  count: number;
  /** The one to leave last. */
  last: Entry<V> | undefined;
  /** The run of the next lower count. */
  lower: Run<V> | undefined;
  higher: Run<V> | undefined;
  /** The run that this one has become part of. */
  partOf: Run<V> | undefined;
}

/**
 * Lets the least frequently used entry go first, and of those used equally often the least recently
 * used one. A set never lets its own entry go, so a new one always gets in.
 *
 * A get that finds its key and a set are uses. So that what was popular once leaves in the end,
 * every `10 * maxEntries`-th use is followed by a halving of all counts (rounded down, but not
 * below 1). Entries whose counts become equal by that keep their order.
 *
 * All entries stand in one list in the order in which they leave: in runs of equal count. A used
 * entry moves to the end of the run above its own; halving joins neighbouring runs and moves none.
 */
export class LfuMap<V extends object> implements BoundedMap<V> {
  readonly #options: BoundedMapOptions<V>;
  readonly #usesPerEra: number;
  readonly #entries = new Map<string, Entry<V>>();
  #first: Entry<V> | undefined;
  #lowest: Run<V> | undefined;
  #bytes = 0;
  #uses = 0;

  constructor(options: BoundedMapOptions<V>) {
    this.#options = options;
    this.#usesPerEra = USES_PER_ENTRY_AND_ERA * options.maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#promote(entry);
    this.#countUse();
    return entry.value;
  }

  peek(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  set(key: string, value: V, bytes: number): void {
    if (bytes > this.#options.maxBytes) {
      this.delete(key);
      return;
    }
    let entry = this.#entries.get(key);
    if (entry === undefined) entry = this.#add(key, value);
    else {
      entry.value = value;
      this.#promote(entry);
    }
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
    this.#countUse();
    this.#makeRoomBeside(entry);
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#remove(entry);
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#first = undefined;
    this.#lowest = undefined;
    this.#bytes = 0;
  }

  *keys(): Iterable<string> {
    for (let entry = this.#first; entry !== undefined; entry = entry.next) yield entry.key;
  }

  #add(key: string, value: V): Entry<V> {
    const run = this.#lowest?.count === 1 ? this.#lowest : this.#addRun(1, undefined);
    const entry: Entry<V> = { key, value, bytes: 0, run, previous: undefined, next: undefined };
    this.#entries.set(key, entry);
    this.#link(entry, run.last);
    run.last = entry;
    return entry;
  }

  #promote(entry: Entry<V>): void {
    const run = runOf(entry);
    const above = run.higher?.count === run.count + 1 ? run.higher : undefined;
    if (above === undefined && isAlone(entry, run)) {
      run.count++;
      return;
    }
    const target = above ?? this.#addRun(run.count + 1, run);
    const place = target.last ?? run.last;
    this.#leaveRun(entry, run);
    if (place !== entry) {
      this.#unlink(entry);
      this.#link(entry, place);
    }
    entry.run = target;
    target.last = entry;
  }

  #makeRoomBeside(kept: Entry<V>): void {
    const { maxEntries, maxBytes, onEvict } = this.#options;
    while (this.#entries.size > maxEntries || this.#bytes > maxBytes) {
      const victim = this.#first === kept ? kept.next : this.#first;
      if (victim === undefined) return;
      this.#remove(victim);
      onEvict(victim.key, victim.value);
    }
  }

  #remove(entry: Entry<V>): void {
    this.#leaveRun(entry, runOf(entry));
    this.#unlink(entry);
    this.#entries.delete(entry.key);
    this.#bytes -= entry.bytes;
  }

  /** Takes the entry, which is still in its place, out of the reckoning of its run. */
  #leaveRun(entry: Entry<V>, run: Run<V>): void {
    if (isAlone(entry, run)) this.#removeRun(run);
    else if (run.last === entry) run.last = entry.previous;
  }

  #countUse(): void {
    if (++this.#uses < this.#usesPerEra) return;
    this.#uses = 0;
    // Runs are few: for one of each count up to n there must have been n²/2 uses.
    let run = this.#lowest;
    while (run !== undefined) {
      const { lower, higher } = run;
      run.count = Math.max(1, Math.floor(run.count / 2));
      if (lower?.count === run.count) {
        lower.last = run.last;
        run.partOf = lower;
        this.#removeRun(run);
      }
      run = higher;
    }
  }

  #addRun(count: number, lower: Run<V> | undefined): Run<V> {
    const higher = lower === undefined ? this.#lowest : lower.higher;
    const run: Run<V> = { count, last: undefined, lower, higher, partOf: undefined };
    if (lower === undefined) this.#lowest = run;
    else lower.higher = run;
    if (higher !== undefined) higher.lower = run;
    return run;
  }

  #removeRun(run: Run<V>): void {
    const { lower, higher } = run;
    if (lower === undefined) this.#lowest = higher;
    else lower.higher = higher;
    if (higher !== undefined) higher.lower = lower;
    // Its entries may point to it for long: it must not keep alive what is gone by then.
    run.last = undefined;
    run.lower = undefined;
    run.higher = undefined;
  }

  /** Puts the entry after `previous`, or first. */
  #link(entry: Entry<V>, previous: Entry<V> | undefined): void {
    const next = previous === undefined ? this.#first : previous.next;
    entry.previous = previous;
    entry.next = next;
    if (previous === undefined) this.#first = entry;
    else previous.next = entry;
    if (next !== undefined) next.previous = entry;
  }

  #unlink({ previous, next }: Entry<V>): void {
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
  }
}

/** The run that the entry is in now, which it then points to. */
function runOf<V>(entry: Entry<V>): Run<V> {
  let { run } = entry;
  while (run.partOf !== undefined) run = run.partOf;
  return entry.run = run;
}

function isAlone<V>(entry: Entry<V>, run: Run<V>): boolean {
  return run.last === entry && (entry.previous === undefined || runOf(entry.previous) !== run);
}
