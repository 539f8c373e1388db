import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import { Breaker, type BreakerSettings, type BreakerState } from "./breaker.ts";

/** Addresses beyond this number are those of nodes that have long left. */
const MAX_NODES = 1000;

export interface NodeBreakersOptions {
  readonly settings: BreakerSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onTransition: (to: BreakerState) => void;
}

/** One breaker for each node, by its address. */
export class NodeBreakers {
  readonly #options: NodeBreakersOptions;
  readonly #breakers = new Map<string, Breaker>();

  constructor(options: NodeBreakersOptions) {
    this.#options = options;
  }

  /** The node's breaker, closed where the node is new. */
  of(address: string): Breaker {
    const present = this.#breakers.get(address);
    if (present !== undefined) return present;
    if (this.#breakers.size >= MAX_NODES) this.#breakers.clear();
    const { settings, clock, logger, onTransition } = this.#options;
    const breaker = new Breaker({
      ...settings,
      clock,
      onTransition: (to) => {
        logger.warn("redis breaker", { state: to, node: address });
        onTransition(to);
      },
    });
    this.#breakers.set(address, breaker);
    return breaker;
  }

  /** How many nodes have a breaker in each state. */
  count(): Record<BreakerState, number> {
    const nodes = { "closed": 0, "open": 0, "half-open": 0 };
    for (const { state } of this.#breakers.values()) nodes[state]++;
    return nodes;
  }
}
