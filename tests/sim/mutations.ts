import { Copies, type Ticket } from "../../src/cache/copies.ts";
import type { Local } from "../../src/cache/local.ts";
import { OutageJournal, type PendingWrite } from "../../src/cache/outage_journal.ts";
import type { Lease } from "../../src/core/coherence.ts";
import type { Entry } from "../../src/core/entry.ts";
import type { Stamp } from "../../src/core/stamp.ts";
import type { Store } from "../../src/core/store.ts";
import type { Mutation } from "./replica.ts";
import type { PlannedFault, Scenario } from "./scenario.ts";
import type { SimStore } from "./sim_store.ts";

type Loaded = Local["copies"] extends Copies<infer L> ? L : never;

class NoTickets extends Copies<Loaded> {
  override isNewest(): boolean {
    return true;
  }
}

class WritesTakeNoTicket extends Copies<Loaded> {
  override write(key: string): Ticket {
    return this.read(key);
  }

  override written(): void {}
}

class ChangesTakeNoTicket extends Copies<Loaded> {
  override changed(key: string): void {
    this.drop(key);
  }
}

class EndedWritesTakeNoTicket extends Copies<Loaded> {
  override written(): void {}
}

class KeepsWhatMayBeOld extends Copies<Loaded> {
  override drop(): boolean {
    return false;
  }
}

/** Flights are joined for as long as they last, whatever was written meanwhile. */
class JoinsAnyFlight extends Copies<Loaded> {
  readonly #flights = new Map<string, Promise<Loaded>>();

  override flight(key: string): Promise<Loaded> | undefined {
    return this.#flights.get(key);
  }

  override offer({ key }: Ticket, promise: Promise<Loaded>): void {
    this.#flights.set(key, promise);
    const forget = (): void => {
      if (this.#flights.get(key) === promise) this.#flights.delete(key);
    };
    promise.then(forget, forget);
  }
}

class AcknowledgedKeepsOlder extends OutageJournal {
  override settled(key: string, stamp: Stamp): void {
    // A replay removes the very entry that it sent.
    if (this.get(key)?.stamp === stamp) super.settled(key, stamp);
  }
}

class OutdoneAreJournaled extends OutageJournal {
  override begin(key: string, stamp: Stamp): PendingWrite {
    const isOutdone = { get: () => false, set: () => {} };
    return Object.defineProperty(super.begin(key, stamp), "isOutdone", isOutdone);
  }
}

class ReplayRemovesNewer extends OutageJournal {
  override settled(key: string, stamp: Stamp): void {
    super.settled(key, this.get(key)?.stamp ?? stamp);
  }
}

class JournalIsNotRead extends OutageJournal {
  override get(): Entry | undefined {
    return undefined;
  }
}

/** A store that is as it was but for what `changes` says. */
function changed(store: SimStore, changes: Partial<Store>): Store {
  return {
    source: store.source,
    timeoutMs: store.timeoutMs,
    time: store.time,
    get: (key) => store.get(key),
    getMany: (keys, options) => store.getMany(keys, options),
    write: (write) => store.write(write),
    scan: () => store.scan(),
    status: () => store.status(),
    close: () => store.close(),
    ...changes,
  };
}

function withLeases(
  store: SimStore,
  change: (lease: Lease | undefined) => Lease | undefined,
): Store {
  return changed(store, {
    get: async (key) => {
      const read = await store.get(key);
      return { ...read, lease: change(read.lease) };
    },
    getMany: async (keys, options) => {
      const results = await store.getMany(keys, options);
      return results.map((result) =>
        result instanceof Error ? result : { ...result, lease: change(result.lease) }
      );
    },
    write: async (write) => {
      const outcome = await store.write(write);
      if (outcome.status !== "written") return outcome;
      return { ...outcome, lease: change(outcome.lease) };
    },
  });
}

const EVERLASTING: Lease = { trusted: () => true, superseded: () => false };

/** Trusts until it is told that a connection was lost, however long ago it last heard anything. */
function unlimited(lease: Lease | undefined): Lease | undefined {
  if (lease === undefined) return undefined;
  const epoch = lease as Lease & { readonly ended: boolean };
  return { trusted: () => !epoch.ended, superseded: () => lease.superseded() };
}

/** Redis forgets the script before each write, so that it has to be sent again. */
function withoutScript(scenario: Scenario): Scenario {
  const flushes = scenario.calls
    .filter(({ kind }) => kind === "set" || kind === "delete")
    .map(({ atMs }): PlannedFault => ({ kind: "script flush", atMs, forMs: 0 }));
  return { ...scenario, faults: [...scenario.faults, ...flushes] };
}

/** Values live for a second, tombstones for some; a replica is cut off for longer than a second. */
function shortLived(scenario: Scenario): Scenario {
  const calls = scenario.calls.map((call) => ({ ...call, ttlSeconds: 1 }));
  const atMs = calls[0]?.atMs ?? 0;
  // The first writes of the one replica are owed until the values of the other have expired.
  const cut: PlannedFault = { kind: "partition", replica: 0, atMs, forMs: 3500 };
  const long = calls.map((call) => call.replica === 0 ? { ...call, ttlSeconds: 3600 } : call);
  return { ...scenario, calls: long, faults: [cut], tombstoneTtlMs: 6000, timeoutMs: 300 };
}

/** A rule of semantics.md that a world can do without. */
export interface LeftOutRule {
  readonly rule: string;
  readonly mutation: Mutation;
  /** Makes a schedule harder, where the rule is missed in few of them. */
  harden?(scenario: Scenario): Scenario;
  /** Where to look for a schedule that breaks a promise; one follows soon. */
  readonly fromSeed: number;
}

/** Without any one of these rules some schedule breaks a promise. */
export const LEFT_OUT_RULES: readonly LeftOutRule[] = [
  {
    rule: "a reply fills only while its ticket is the newest",
    mutation: { copies: (options) => new NoTickets(options) },
    fromSeed: 15,
  },
  {
    rule: "a write takes a newer ticket and detaches the flight",
    mutation: { copies: (options) => new WritesTakeNoTicket(options) },
    fromSeed: 15,
  },
  {
    rule: "an invalidation takes a newer ticket and detaches the flight",
    mutation: { copies: (options) => new ChangesTakeNoTicket(options) },
    fromSeed: 46,
  },
  {
    rule: "a write that is done outdates the reads that overtook it",
    mutation: { copies: (options) => new EndedWritesTakeNoTicket(options) },
    harden: withoutScript,
    fromSeed: 541,
  },
  {
    rule: "flights from before a write are not joined after it",
    mutation: { copies: (options) => new JoinsAnyFlight(options) },
    fromSeed: 70,
  },
  {
    rule: "a write or replay without a copy of its own leaves no copy",
    mutation: { copies: (options) => new KeepsWhatMayBeOld(options) },
    fromSeed: 1,
  },
  {
    rule: "copies are trusted under a lease only",
    mutation: { store: (store) => withLeases(store, () => EVERLASTING) },
    fromSeed: 4,
  },
  {
    rule: "a lease lasts 2 s from the last ping",
    mutation: { store: (store) => withLeases(store, unlimited) },
    fromSeed: 127,
  },
  {
    rule: "a write makes its connection tracked (EXISTS after SET)",
    mutation: { tracksWrites: false },
    fromSeed: 1,
  },
  {
    rule: "a write past its not-after changes nothing",
    mutation: { rules: { notAfter: false } },
    fromSeed: 2,
  },
  {
    rule: "a write is journaled once it cannot land any more",
    mutation: {
      store: (store) =>
        changed(store, {
          write: async (write) => {
            const outcome = await store.write(write);
            return outcome.status === "failed" ? { ...outcome, landsUntilMs: -Infinity } : outcome;
          },
        }),
    },
    fromSeed: 2,
  },
  {
    rule: "a replay yields to a newer stamp",
    mutation: { rules: { replayYields: false } },
    fromSeed: 8,
  },
  {
    rule: "an ordinary write is raised above the stored stamp",
    mutation: { rules: { raise: false } },
    fromSeed: 8,
  },
  {
    rule: "a delete leaves a tombstone",
    mutation: { keepsTombstones: false },
    fromSeed: 8,
  },
  {
    rule: "a set holds the key as long as the tombstone that it replaces",
    mutation: { rules: { keepsTombstoneTime: false } },
    harden: shortLived,
    fromSeed: 69,
  },
  {
    rule: "a replay that is older than tombstones live deletes",
    mutation: { rules: { lateReplayDeletes: false } },
    fromSeed: 501,
  },
  {
    rule: "stamps are of Redis time",
    mutation: {
      store: (store, clock) =>
        changed(store, { time: { nowMs: () => clock.wallMs(), uncertaintyMs: () => 0 } }),
    },
    fromSeed: 2,
  },
  {
    rule: "an acknowledged write removes an older journal entry",
    mutation: { journal: (options) => new AcknowledgedKeepsOlder(options) },
    fromSeed: 205,
  },
  {
    rule: "an acknowledged write outdoes older ones in flight",
    mutation: { journal: (options) => new OutdoneAreJournaled(options) },
    fromSeed: 546,
  },
  {
    rule: "a replay removes only the entry that it sent",
    mutation: { journal: (options) => new ReplayRemovesNewer(options) },
    fromSeed: 227,
  },
  {
    rule: "reads answer from the journal first",
    mutation: { journal: (options) => new JournalIsNotRead(options) },
    fromSeed: 11,
  },
];
