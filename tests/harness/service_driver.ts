import type { CacheService } from "../../src/cache/cache_service.ts";
import type { Clock } from "../../src/core/clock.ts";
import {
  type BatchRead,
  type CacheDriver,
  type Read,
  type WriteOptions,
} from "../support/cache_driver.ts";
import { callWithin } from "./cache_services.ts";
import { refusing } from "./refusing.ts";

/** Uses a cache service in this process. */
export class ServiceDriver implements CacheDriver {
  readonly #service: CacheService;
  readonly #clock: Clock;

  constructor(service: CacheService, clock: Clock) {
    this.#service = service;
    this.#clock = clock;
  }

  get(namespace: string, key: string): Promise<Read> {
    return refusing(this.#service.get({ namespace, key }, callWithin(this.#clock)));
  }

  set(
    { namespace, key, value }: { namespace: string; key: string; value: Uint8Array },
    options: WriteOptions = {},
  ): Promise<{ degraded: boolean }> {
    const request = { namespace, key, value: new Uint8Array(value), ...given(options) };
    return refusing(this.#service.set(request, callWithin(this.#clock)));
  }

  delete(namespace: string, key: string): Promise<{ deleted: boolean; degraded: boolean }> {
    return refusing(this.#service.delete({ namespace, key }, callWithin(this.#clock)));
  }

  batchGet(namespace: string, keys: readonly string[]): Promise<BatchRead> {
    return refusing(this.#service.batchGet({ namespace, keys }, callWithin(this.#clock)));
  }

  batchSet(
    { namespace, entries }: { namespace: string; entries: ReadonlyMap<string, Uint8Array> },
    options: WriteOptions = {},
  ): Promise<{ success: boolean; storedCount: number; degraded: boolean }> {
    const copies = new Map(
      Array.from(entries, ([key, value]) => [key, new Uint8Array(value)] as const),
    );
    const request = { namespace, entries: copies, ...given(options) };
    return refusing(this.#service.batchSet(request, callWithin(this.#clock)));
  }

  close(): void {}
}

function given({ ttlSeconds, encrypt }: WriteOptions): { ttlSeconds?: number; encrypt?: boolean } {
  return {
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
    ...(encrypt === undefined ? {} : { encrypt }),
  };
}
