import type { CacheService } from "../../src/cache/cache_service.ts";
import type { Local } from "../../src/cache/local.ts";
import type { Clock } from "../../src/core/clock.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import type { ReplicaClient, ReplicaRead } from "../support/replica_client.ts";
import { callWithin, createService } from "./cache_services.ts";
import { type Distance, LinkedStore } from "./linked_store.ts";
import { createCopies, createLocal } from "./locals.ts";
import { refusing } from "./refusing.ts";

/** A cache service with near cache and journal over a store that it shares, in a world of fakes. */
export interface LinkedReplica extends ReplicaClient {
  readonly store: LinkedStore;
  readonly local: Local;
}

/** Replicas over one memory store, one at each distance; each hears of the others' writes. */
export function linkReplicas(clock: Clock, distances: readonly Distance[]): LinkedReplica[] {
  const shared = new MemoryStore({ clock, maxBytes: 1e6, tombstoneTtlMs: 600_000 });
  const replicas = distances.map((distance, i) =>
    openReplica(new LinkedStore(shared, { ...distance, clock }), { clock, writerId: i + 1 })
  );
  for (const { store, local } of replicas) {
    const others = replicas.map((other) => other.store).filter((other) => other !== store);
    store.connect(local.copies, others);
  }
  return replicas;
}

function openReplica(
  store: LinkedStore,
  { clock, writerId }: { readonly clock: Clock; readonly writerId: number },
): LinkedReplica {
  const { copies } = createCopies({ clock });
  const local = createLocal(store, { clock, copies });
  const service = createService(store, { clock, writerId, local });
  return { store, local, ...clientOf(service, clock) };
}

const NAMESPACE = "n";

function clientOf(service: CacheService, clock: Clock): ReplicaClient {
  return {
    set(key: string, value: string): Promise<{ degraded: boolean; version: string }> {
      const request = { namespace: NAMESPACE, key, value: new TextEncoder().encode(value) };
      return refusing(service.set(request, callWithin(clock)));
    },
    delete(key: string): Promise<{ degraded: boolean }> {
      return refusing(service.delete({ namespace: NAMESPACE, key }, callWithin(clock)));
    },
    async get(key: string, { noCache }: { noCache: boolean }): Promise<ReplicaRead> {
      const call = { ...callWithin(clock), noCache };
      const read = await refusing(service.get({ namespace: NAMESPACE, key }, call));
      if (!read.found) return { ...read, found: undefined, source: undefined };
      const { version, source, degraded } = read;
      const found = { value: new TextDecoder().decode(read.value), version };
      return { found, source, degraded };
    },
  };
}
