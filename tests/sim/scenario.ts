import { Dice } from "./dice.ts";
import type { Direction, Weather } from "./network.ts";

/** What one client asks. */
export interface PlannedCall {
  readonly atMs: number;
  readonly replica: number;
  readonly kind: "get" | "set" | "delete" | "batchGet" | "batchSet";
  /** One, but for batches. */
  readonly keys: readonly number[];
  readonly leftMs: number;
  readonly noCache: boolean;
  readonly encrypt: boolean;
  readonly ttlSeconds: number;
  /** After this time the caller goes away. */
  readonly cancelsAfterMs: number | undefined;
}

/** Something that breaks, and for how long. */
export type PlannedFault =
  & { readonly atMs: number; readonly forMs: number }
  & (
    | { readonly kind: "freeze" | "flush" | "script flush" | "slow" }
    | { readonly kind: "restart"; readonly keepsData: boolean }
    | { readonly kind: "partition" | "stop process"; readonly replica: number }
    | { readonly kind: "cut"; readonly replica: number; readonly connection: number }
    | {
      readonly kind: "stall" | "black hole";
      readonly replica: number;
      readonly connection: number;
      readonly direction: Direction;
    }
  );

/** All that a seed decides before the world starts. */
export interface Scenario {
  readonly seed: number;
  readonly replicas: number;
  readonly poolSize: number;
  readonly keys: number;
  readonly timeoutMs: number;
  readonly tombstoneTtlMs: number;
  readonly nearEntries: number;
  readonly mode: "near" | "fallback";
  readonly policy: "lru" | "lfu";
  readonly journalEntries: number;
  readonly acceptsWrites: boolean;
  readonly weather: Weather;
  readonly calls: readonly PlannedCall[];
  readonly faults: readonly PlannedFault[];
}

/** How it is at the end of every world. */
export const CALM: Weather = { delayMs: 0.3, spikeChance: 0.02, spikeMs: 20 };
const WINDY: Weather = { delayMs: 2, spikeChance: 0.1, spikeMs: 60 };
const STORMY: Weather = { delayMs: 20, spikeChance: 0.2, spikeMs: 400 };

/** Connections are ready by then. */
const STARTED_MS = 1500;

/** What a seed says: the same for the same seed. */
export function planScenario(seed: number): Scenario {
  const dice = new Dice(seed);
  const replicas = dice.chance(0.7) ? 2 : 3;
  const poolSize = dice.chance(0.6) ? 1 : 2;
  const keys = 1 + dice.below(3);
  const activeMs = dice.pick([2000, 5000, 10_000]);
  const shape = { dice, replicas, poolSize, keys, activeMs };
  const usesShortTtl = dice.chance(0.25);
  const calls = planCalls({ ...shape, usesShortTtl });
  const faults = Array.from({ length: dice.below(5) }, () => planFault(shape, calls))
    .sort((a, b) => a.atMs - b.atMs);
  return {
    seed,
    replicas,
    poolSize,
    keys,
    calls,
    faults,
    timeoutMs: dice.pick([300, 1000, 3000]),
    tombstoneTtlMs: dice.chance(0.7) ? 60_000 : dice.pick([1500, 4000]),
    nearEntries: dice.chance(0.9) ? 1000 : 1,
    mode: dice.chance(0.95) ? "near" : "fallback",
    policy: dice.chance(0.8) ? "lru" : "lfu",
    journalEntries: dice.chance(0.9) ? 1000 : 1,
    acceptsWrites: dice.chance(0.95),
    weather: dice.pick([CALM, CALM, WINDY, STORMY]),
  };
}

interface Shape {
  readonly dice: Dice;
  readonly replicas: number;
  readonly poolSize: number;
  readonly keys: number;
  readonly activeMs: number;
}

function planCalls(shape: Shape & { readonly usesShortTtl: boolean }): PlannedCall[] {
  const { dice, activeMs } = shape;
  const calls: PlannedCall[] = [];
  const count = 20 + dice.below(60);
  const meanGapMs = activeMs / count * 2;
  let atMs = STARTED_MS;
  while (calls.length < count) {
    // Most come in bursts, since only what is close together meets.
    atMs += dice.chance(0.6) ? dice.unit() * 3 : dice.unit() * 2 * meanGapMs;
    calls.push(planCall(atMs, shape));
  }
  return calls;
}

function planCall(atMs: number, shape: Shape & { readonly usesShortTtl: boolean }): PlannedCall {
  const { dice } = shape;
  const kind = dice.weighted({ get: 10, set: 6, delete: 3, batchGet: 2, batchSet: 1 });
  const keys = kind.startsWith("batch")
    ? dice.shuffled(Array.from({ length: shape.keys }, (_, key) => key))
    : [dice.below(shape.keys)];
  return {
    atMs,
    replica: dice.below(shape.replicas),
    kind,
    keys,
    leftMs: dice.chance(0.2) ? dice.between(1, 1000) : dice.pick([2000, 6000, 8000]),
    noCache: dice.chance(0.1),
    encrypt: dice.chance(0.3),
    ttlSeconds: shape.usesShortTtl && dice.chance(0.5) ? 1 + dice.below(2) : 3600,
    cancelsAfterMs: dice.chance(0.03) ? dice.unit() * 50 : undefined,
  };
}

function planFault(shape: Shape, calls: readonly PlannedCall[]): PlannedFault {
  const { dice, activeMs } = shape;
  const kind = dice.weighted({
    freeze: 3,
    restart: 3,
    flush: 1,
    "script flush": 2,
    slow: 2,
    partition: 3,
    "stop process": 2,
    cut: 4,
    stall: 3,
    "black hole": 3,
  });
  const times = {
    // Many strike just when something is under way.
    atMs: dice.chance(0.5)
      ? dice.pick(calls).atMs + dice.between(-1, 4)
      : STARTED_MS + dice.unit() * activeMs,
    forMs: dice.chance(0.5) ? dice.unit() * 500 : dice.unit() * 6000,
  };
  const replica = dice.below(shape.replicas);
  const connection = dice.below(shape.poolSize + 1);
  switch (kind) {
    case "freeze":
    case "flush":
    case "script flush":
    case "slow":
      return { ...times, kind };
    case "restart":
      return { ...times, kind, keepsData: dice.chance(0.7) };
    case "partition":
    case "stop process":
      return { ...times, kind, replica };
    case "cut":
      return { ...times, kind, replica, connection };
    default:
      return { ...times, kind, replica, connection, direction: dice.pick(DIRECTIONS) };
  }
}

const DIRECTIONS: readonly Direction[] = ["up", "down", "both"];
