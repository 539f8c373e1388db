import { Invalidator, type InvalidatorParts } from "../cache/invalidator.ts";
import type { Config } from "../config.ts";
import type { InvalidationBus } from "../core/bus.ts";
import { MemoryStore } from "../store/memory_store.ts";
import type { RedisStore } from "../store/redis_store.ts";

/**
 * Has events carried out. One replica writes each of them to Redis, whose tracking then drops the
 * near copies of the others; where it does not track, every replica drops its own. A store in memory
 * is a replica's own: there every replica writes.
 */
export function followEvents(
  { cache }: Config,
  { bus, store, ...parts }: Omit<InvalidatorParts, "store"> & {
    readonly bus: InvalidationBus;
    readonly store: MemoryStore | RedisStore;
  },
): void {
  const invalidator = new Invalidator({ ...parts, store });
  if (store instanceof MemoryStore) {
    bus.subscribe("private", (event) => invalidator.apply(event));
    return;
  }
  bus.subscribe("shared", (event) => invalidator.apply(event));
  const dropCopies = (): void => bus.subscribe("private", (event) => invalidator.drop(event));
  if (parts.copies === undefined) return;
  if (cache.localCacheMode === "fallback") dropCopies();
  else void store.untracked?.then(dropCopies);
}
