import { MemoryBus } from "../bus/memory_bus.ts";
import type { Config } from "../config.ts";
import type { InvalidationBus } from "../core/bus.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { Logger, Meter } from "../core/telemetry.ts";
import { readAuthority } from "../system/authority.ts";

/** What carries invalidation events. The client of a broker is loaded only where there is one. */
export async function openBus(
  { broker, cache }: Config,
  parts: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly meter: Meter;
  },
): Promise<InvalidationBus> {
  const { type, tlsEnabled, tlsCaFile, username, password, ...rest } = broker;
  if (type === "none") return new MemoryBus();
  const ca = tlsCaFile === undefined ? {} : { ca: await readAuthority(tlsCaFile) };
  const options = {
    ...rest,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    limits: cache,
    ...parts,
  };
  if (type === "kafka") {
    const { KafkaBus } = await import("../bus/kafka_bus.ts");
    return new KafkaBus({ ...options, ...(tlsEnabled ? { tls: ca } : {}) });
  }
  const { RabbitmqBus } = await import("../bus/rabbitmq_bus.ts");
  // An amqps:// URL brings TLS by itself.
  return new RabbitmqBus({ ...options, ...ca, tls: tlsEnabled });
}
