import { KafkaBus } from "../bus/kafka_bus.ts";
import { MemoryBus } from "../bus/memory_bus.ts";
import { RabbitmqBus } from "../bus/rabbitmq_bus.ts";
import type { Config } from "../config.ts";
import type { InvalidationBus } from "../core/bus.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { Logger, Meter } from "../core/telemetry.ts";

/** What carries invalidation events. */
export function openBus(
  { broker, cache }: Config,
  parts: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly meter: Meter;
  },
): InvalidationBus {
  const { type, tlsEnabled, tlsCaFile, username, password, ...rest } = broker;
  if (type === "none") return new MemoryBus();
  const ca = tlsCaFile === undefined ? {} : { ca: Deno.readTextFileSync(tlsCaFile) };
  const options = {
    ...rest,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tlsEnabled ? { tls: ca } : {}),
    limits: cache,
    ...parts,
  };
  return type === "kafka" ? new KafkaBus(options) : new RabbitmqBus(options);
}
