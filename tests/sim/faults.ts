import type { Network } from "./network.ts";
import { at, type Dice } from "./dice.ts";
import type { History } from "./history.ts";
import type { Replica } from "./replica.ts";
import type { PlannedFault } from "./scenario.ts";
import type { SimRedis } from "./sim_redis.ts";

/** Messages of a slow network take up to so much longer. */
const SLOW_MS = 1500;

export interface FaultTargets {
  readonly redis: SimRedis;
  readonly network: Network;
  readonly dice: Dice;
  readonly replicas: readonly Replica[];
  readonly history: History;
}

/** Breaks things, one kind of each at a time, and mends them again. */
export class Faults {
  readonly #targets: FaultTargets;
  #isRedisBroken = false;

  constructor(targets: FaultTargets) {
    this.#targets = targets;
  }

  strike(fault: PlannedFault): void {
    const { network, redis, replicas, history } = this.#targets;
    const { nowMs } = network.time;
    const untilMs = nowMs + fault.forMs;
    history.note("fault", () => JSON.stringify(fault));
    switch (fault.kind) {
      case "freeze":
        return this.#breakRedis(untilMs, { start: () => redis.freeze(), end: () => redis.thaw() });
      case "restart":
        return this.#breakRedis(untilMs, {
          start: () => redis.stop(fault),
          end: () => redis.start(),
        });
      case "flush":
        return redis.flushAll();
      case "script flush":
        return redis.flushScripts();
      case "slow":
        network.slowUntilMs = untilMs;
        network.slowMs = SLOW_MS;
        return;
      case "partition":
        return at(replicas, fault.replica).store.partition(untilMs);
      case "stop process":
        return at(replicas, fault.replica).process.stop(fault.forMs);
      case "cut":
      case "stall":
      case "black hole":
        return this.#breakLink(fault, untilMs);
    }
  }

  #breakRedis(untilMs: number, change: { start(): void; end(): void }): void {
    if (this.#isRedisBroken) return;
    this.#isRedisBroken = true;
    change.start();
    const { network, history } = this.#targets;
    network.time.at(untilMs, () => {
      history.note("fault", () => "redis is back");
      this.#isRedisBroken = false;
      change.end();
    });
  }

  #breakLink(
    fault: Extract<PlannedFault, { kind: "cut" | "stall" | "black hole" }>,
    untilMs: number,
  ): void {
    const { connections } = at(this.#targets.replicas, fault.replica).store;
    const link = connections[fault.connection]?.link;
    if (link === undefined) return;
    if (fault.kind === "cut") link.cut();
    else link.stall(fault.direction, fault.kind === "stall" ? untilMs : Infinity);
  }
}
