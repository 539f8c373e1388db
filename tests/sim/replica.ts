import { ScopePolicy } from "../../src/auth/policy.ts";
import { MemoryBus } from "../../src/bus/memory_bus.ts";
import { CacheService } from "../../src/cache/cache_service.ts";
import { Copies } from "../../src/cache/copies.ts";
import type { Local } from "../../src/cache/local.ts";
import { NearCache } from "../../src/cache/near_cache.ts";
import { OutageJournal } from "../../src/cache/outage_journal.ts";
import { Recovery } from "../../src/cache/recovery.ts";
import type { Clock } from "../../src/core/clock.ts";
import { Lifecycle } from "../../src/core/lifecycle.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { Store } from "../../src/core/store.ts";
import type { Logger } from "../../src/core/telemetry.ts";
import { silentMeter } from "../harness/silent.ts";
import { Dice } from "./dice.ts";
import type { History } from "./history.ts";
import type { Network } from "./network.ts";
import type { Scenario } from "./scenario.ts";
import { SimProcess } from "./sim_process.ts";
import type { SimRedis } from "./sim_redis.ts";
import { SimStore } from "./sim_store.ts";
import { SlowEnvelope } from "./values.ts";
import type { WriteRules } from "./write_model.ts";

export type CopiesOptions = ConstructorParameters<typeof Copies>[0];
export type JournalOptions = ConstructorParameters<typeof OutageJournal>[0];

/** A rule that is left out of a world; what is absent is as it should be. */
export interface Mutation {
  readonly rules?: Partial<WriteRules>;
  readonly tracksWrites?: boolean;
  readonly keepsTombstones?: boolean;
  copies?(options: CopiesOptions): Local["copies"];
  journal?(options: JournalOptions): OutageJournal;
  store?(store: SimStore, clock: Clock): Store;
}

export interface ReplicaOptions {
  readonly index: number;
  readonly scenario: Scenario;
  readonly network: Network;
  readonly redis: SimRedis;
  readonly history: History;
  readonly mutation: Mutation;
}

/** Another wall clock and another start of the monotonic one for each. */
const WALL_SKEWS_MS = [0, 5000, -5000];
const MONOTONIC_STARTS_MS = [1000, 50_000, 7_000_000];

/** One process of the service: the real cache code over a simulated store. */
export class Replica {
  readonly index: number;
  readonly process: SimProcess;
  readonly store: SimStore;
  readonly service: CacheService;
  readonly local: Local;

  constructor(options: ReplicaOptions) {
    const { index, scenario, network, history, mutation } = options;
    this.index = index;
    const dice = new Dice(scenario.seed * 8 + 4 + index);
    const clock = new SimProcess(network.time, {
      wallSkewMs: WALL_SKEWS_MS[index] ?? 0,
      startMs: MONOTONIC_STARTS_MS[index] ?? 0,
    });
    this.process = clock;
    const logger = this.#logger(history);
    const { mode } = scenario;
    const near = new NearCache({
      policy: scenario.policy,
      maxEntries: scenario.nearEntries,
      maxBytes: 1024 * 1024,
      onEviction: () => {},
    });
    const copiesOptions: CopiesOptions = { near, clock, mode, maxAgeMs: 60_000 };
    const copies: Local["copies"] = mutation.copies?.(copiesOptions) ?? new Copies(copiesOptions);
    const journalOptions = { maxEntries: scenario.journalEntries, maxBytes: 1024 * 1024 };
    const journal = mutation.journal?.(journalOptions) ?? new OutageJournal(journalOptions);
    this.store = this.#openStore(options, { dice, logger, copies });
    const store = mutation.store?.(this.store, clock) ?? this.store;
    const recovery = new Recovery({ store, journal, copies, clock, logger });
    const { acceptsWrites } = scenario;
    this.local = { copies, journal, recovery, acceptsWrites, mode: () => mode };
    this.service = new CacheService({
      store,
      clock,
      local: this.local,
      envelope: new SlowEnvelope({ clock, dice }),
      policy: new ScopePolicy(),
      limits: DEFAULT_LIMITS,
      lifecycle: new Lifecycle(),
      bus: new MemoryBus(),
      logger,
      meter: silentMeter,
      writerId: index + 1,
    });
  }

  #openStore(
    { index, scenario, network, redis, history, mutation }: ReplicaOptions,
    parts: { readonly dice: Dice; readonly logger: Logger; readonly copies: Local["copies"] },
  ): SimStore {
    const { dice, logger, copies } = parts;
    return new SimStore({
      redis,
      network,
      process: this.process,
      dice,
      logger,
      wire: { pulledUntilMs: 0 },
      poolSize: scenario.poolSize,
      timeoutMs: scenario.timeoutMs,
      tombstoneTtlMs: mutation.keepsTombstones === false ? 0 : scenario.tombstoneTtlMs,
      onWrite: (write, uncertaintyMs) => history.sent(index, write, uncertaintyMs),
      listener: {
        changed: (key): void => {
          history.note(this.#name, () => `hears that ${key} changed`);
          copies.changed(key);
        },
        allChanged: (): void => {
          history.note(this.#name, () => "hears that all changed");
          copies.allChanged();
        },
      },
    });
  }

  get #name(): string {
    return `r${this.index}`;
  }

  #logger(history: History): Logger {
    const log = (message: string, fields: unknown): void =>
      history.note(this.#name, () => `logs ${message} ${JSON.stringify(fields ?? {})}`);
    return { debug: log, info: log, warn: log, error: log };
  }
}
