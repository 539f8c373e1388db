import { systemClock } from "../../src/system.ts";
import { callWithin } from "../harness/cache_services.ts";
import type { Replica } from "../harness/replicas.ts";
import { waitFor } from "../support/wait_for.ts";

/** The namespace of all keys that these tests use. */
export const NAMESPACE = "n";

/** What a read gave. */
export interface Answer {
  readonly byte: number | undefined;
  /** Where it came from, such as "redis", "local degraded" or "miss". */
  readonly from: string;
}

/** Reads an entry whose value is one byte. */
export async function read(replica: Replica, key = "k"): Promise<Answer> {
  const answer = await replica.service.get({ namespace: NAMESPACE, key }, callWithin(systemClock));
  const from = (answer.found ? answer.source : "miss") + (answer.degraded ? " degraded" : "");
  return { byte: answer.found ? answer.value[0] : undefined, from };
}

/** Writes an entry whose value is one byte; whether it was acknowledged as degraded. */
export async function set(
  replica: Replica,
  { key = "k", byte }: { readonly key?: string; readonly byte: number },
): Promise<boolean> {
  const request = { namespace: NAMESPACE, key, value: Uint8Array.of(byte) };
  return (await replica.service.set(request, callWithin(systemClock))).degraded;
}

/** Deletes an entry; whether it was acknowledged as degraded. */
export async function remove(replica: Replica, key = "k"): Promise<boolean> {
  const request = { namespace: NAMESPACE, key };
  return (await replica.service.delete(request, callWithin(systemClock))).degraded;
}

/** Reads until the replica answers from its near cache. */
export async function untilCopied(replica: Replica, key = "k"): Promise<void> {
  await waitFor(async () => (await read(replica, key)).from === "local", {
    deadlineMs: 30_000,
    what: `a trusted near copy of ${key}`,
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
