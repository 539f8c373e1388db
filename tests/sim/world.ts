import { Clients, keyName, NAMESPACE } from "./clients.ts";
import { Dice } from "./dice.ts";
import { Faults } from "./faults.ts";
import { History } from "./history.ts";
import { Network } from "./network.ts";
import { checkPromises } from "./promises.ts";
import { type Mutation, Replica } from "./replica.ts";
import { CALM, type PlannedCall, type Scenario } from "./scenario.ts";
import { SimRedis } from "./sim_redis.ts";
import { KEY_PREFIX } from "./sim_store.ts";
import { VirtualTime } from "./virtual_time.ts";
import { ALL_WRITE_RULES, type Stored } from "./write_model.ts";
import { storeKey } from "../../src/core/key.ts";

/** Connections are back and journals are empty so long after the last fault and call ended. */
const QUIET_MS = 5000;
/** Time that a read has at the end. */
const LAST_READS_MS = 150;

/** Connections that are told to close have closed after that. */
const CLOSING_MS = 200;

/** How a world ended. */
export interface WorldResult {
  /** Each promise that was broken, in words; none if all is well. */
  readonly broken: readonly string[];
  readonly trace: readonly string[];
}

export interface WorldOptions {
  readonly mutation?: Mutation;
  /** Writes down what happens; slow. */
  readonly tracing?: boolean;
}

/** Replicas of the service over one Redis, from their start to the quiet after all faults. */
export async function runWorld(
  scenario: Scenario,
  { mutation = {}, tracing = false }: WorldOptions = {},
): Promise<WorldResult> {
  const dice = (stream: number): Dice => new Dice(scenario.seed * 8 + stream);
  const time = new VirtualTime(dice(1));
  const history = new History(time, { tracing });
  const network = new Network(time, { dice: dice(2), weather: scenario.weather });
  const redis = new SimRedis({
    network,
    dice: dice(3),
    observer: history,
    rules: { ...ALL_WRITE_RULES, ...mutation.rules },
    tracksWrites: mutation.tracksWrites ?? true,
  });
  const parts = { scenario, network, redis, history, mutation };
  const replicas = Array.from(
    { length: scenario.replicas },
    (_, index) => new Replica({ ...parts, index }),
  );
  const clients = new Clients(time, history);
  const faults = new Faults({ redis, network, dice: dice(3), replicas, history });
  let lastMs = 0;
  let longestMs = 0;
  for (const fault of scenario.faults) {
    time.at(fault.atMs, () => faults.strike(fault));
    lastMs = Math.max(lastMs, fault.atMs + fault.forMs);
  }
  for (const call of scenario.calls) {
    time.at(call.atMs, () => {
      const replica = replicas[call.replica];
      if (replica !== undefined) clients.make(call, replica);
    });
    lastMs = Math.max(lastMs, call.atMs);
    longestMs = Math.max(longestMs, Math.min(call.leftMs, 2 * scenario.timeoutMs));
  }
  await time.runUntil(lastMs + longestMs);
  history.note("world", () => "calms down");
  network.weather = CALM;
  await time.runUntil(time.nowMs + QUIET_MS);

  const readAll = async (): Promise<void> => {
    for (let key = 0; key < scenario.keys; key++) {
      for (const noCache of [false, true]) {
        for (const replica of replicas) {
          clients.make({ ...LAST_READ, keys: [key], noCache }, replica);
        }
        await time.runUntil(time.nowMs + LAST_READS_MS);
      }
    }
  };
  // Breakers that nobody has called since are still half-open, and let few calls through.
  await readAll();
  history.note("world", () => "is quiet");
  const quietFromMs = time.nowMs;
  const owed = replicas.map(({ local }) => local.journal.size);
  await readAll();
  const held = new Map<string, Stored | undefined>();
  for (let number = 0; number < scenario.keys; number++) {
    const key = storeKey(NAMESPACE, keyName(number));
    held.set(key, redis.stored(KEY_PREFIX + key));
  }
  const endMs = time.nowMs;
  const closed = Promise.all(replicas.map(({ store }) => store.close()));
  await time.runUntil(time.nowMs + CLOSING_MS);
  await closed;
  const stops = replicas.map(({ process }) => process.stops);
  const end = { quietFromMs, endMs, held, owed, stops, waits: scenario.acceptsWrites };
  const broken = checkPromises(history, end);
  return { broken, trace: history.trace };
}

const LAST_READ: PlannedCall = {
  atMs: 0,
  replica: 0,
  kind: "get",
  keys: [],
  leftMs: LAST_READS_MS,
  noCache: false,
  encrypt: false,
  ttlSeconds: 3600,
  cancelsAfterMs: undefined,
};
