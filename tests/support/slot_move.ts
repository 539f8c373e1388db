import type { RedisServer } from "./redis_server.ts";

/** A slot of a Redis Cluster on its way from one master to another. */
export interface SlotMove {
  /** Moves a Redis key of the slot. */
  migrate(key: string): Promise<void>;
  /** Makes the other the slot's master. */
  end(): Promise<void>;
}

/**
 * Begins to move the slot of `key`, from the one of `masters` that holds keys of it to `target`, by
 * default the next of them.
 */
export async function beginSlotMove(
  masters: readonly RedisServer[],
  { key, ...options }: { readonly key: string; readonly target?: RedisServer },
): Promise<SlotMove> {
  const slot = await masters[0]?.command("CLUSTER", "KEYSLOT", key) ?? "";
  const counts = await Promise.all(
    masters.map((node) => node.command("CLUSTER", "COUNTKEYSINSLOT", slot)),
  );
  const at = counts.findIndex((count) => count !== "0");
  const source = masters[at];
  const target = options.target ?? masters[(at + 1) % masters.length];
  if (source === undefined || target === undefined) throw new Error(`no master holds ${key}`);
  const sourceId = await source.command("CLUSTER", "MYID");
  const targetId = await target.command("CLUSTER", "MYID");
  await target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", sourceId);
  await source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", targetId);
  return {
    async migrate(key): Promise<void> {
      await source.command("MIGRATE", target.host, `${target.port}`, key, "0", "5000");
    },
    async end(): Promise<void> {
      for (const node of [target, source]) {
        await node.command("CLUSTER", "SETSLOT", slot, "NODE", targetId);
      }
    },
  };
}
