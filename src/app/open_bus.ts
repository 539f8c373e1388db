import { MemoryBus } from "../bus/memory_bus.ts";
import type { Config } from "../config.ts";
import type { InvalidationBus } from "../core/bus.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { Logger, Meter } from "../core/telemetry.ts";

/** What carries invalidation events. */
export function openBus(
  { broker }: Config,
  _parts: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly meter: Meter;
  },
): InvalidationBus {
  switch (broker.type) {
    case "none":
      return new MemoryBus();
    default:
      throw new RangeError(`There is no bus for ${broker.type}.`);
  }
}
