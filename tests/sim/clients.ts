import type { Call } from "../../src/cache/call.ts";
import type { Hit, Miss } from "../../src/cache/operations.ts";
import { CacheError } from "../../src/core/errors.ts";
import { storeKey } from "../../src/core/key.ts";
import { AnonymousVerifier } from "../../src/auth/anonymous_verifier.ts";
import { silentRecord } from "../harness/silent.ts";
import { at } from "./dice.ts";
import { describe, type History, type ReadRecord, type WriteRecord } from "./history.ts";
import type { Replica } from "./replica.ts";
import type { PlannedCall } from "./scenario.ts";
import { numberedValue, valueNumber } from "./values.ts";
import type { VirtualTime } from "./virtual_time.ts";

export const NAMESPACE = "n";

const principal = new AnonymousVerifier().verify();

/** The name of a key by its number, as clients say it. */
export function keyName(key: number): string {
  return `k${key}`;
}

/** Makes calls and writes down what their callers saw. */
export class Clients {
  readonly #time: VirtualTime;
  readonly #history: History;

  constructor(time: VirtualTime, history: History) {
    this.#time = time;
    this.#history = history;
  }

  /** Makes the call as soon as the replica runs. */
  make(planned: PlannedCall, replica: Replica): void {
    replica.process.run(() => {
      const call: Call = {
        principal,
        record: silentRecord(),
        deadlineMs: replica.process.monotonicMs() + planned.leftMs,
        noCache: planned.noCache,
        ...this.#cancellation(planned, replica),
      };
      const reads = planned.kind === "get" || planned.kind === "batchGet";
      if (reads) this.#read(planned, { replica, call });
      else this.#write(planned, { replica, call });
    });
  }

  #cancellation(
    { cancelsAfterMs }: PlannedCall,
    { process }: Replica,
  ): { readonly signal?: AbortSignal } {
    if (cancelsAfterMs === undefined) return {};
    const controller = new AbortController();
    process.setTimer(() => controller.abort(), cancelsAfterMs);
    return { signal: controller.signal };
  }

  #read(
    { kind, keys, leftMs, noCache }: PlannedCall,
    { replica, call }: { readonly replica: Replica; readonly call: Call },
  ): void {
    const { service, index } = replica;
    const names = keys.map(keyName);
    const deadlineMs = this.#time.nowMs + leftMs;
    const records = names.map((name) => {
      const key = storeKey(NAMESPACE, name);
      this.#history.note(`r${index}`, () => `${kind} ${key}${noCache ? " no-cache" : ""}`);
      return this.#history.read({ replica: index, key, noCache, deadlineMs });
    });
    const uncertaintyMs = replica.store.time.uncertaintyMs();
    const answer = (record: ReadRecord, seen: Partial<ReadRecord>): void => {
      const worst = Math.max(uncertaintyMs, replica.store.time.uncertaintyMs());
      Object.assign(record, seen, { answeredMs: this.#time.nowMs, uncertaintyMs: worst });
      this.#history.note(`r${index}`, () => `  ${describeRead(record)}`);
    };
    const fail = (error: unknown): void => {
      for (const record of records) answer(record, { error: codeOf(error) });
    };
    if (kind === "get") {
      service.get({ namespace: NAMESPACE, key: at(names, 0) }, call)
        .then((result) => answer(at(records, 0), seenIn(result)), fail);
      return;
    }
    service.batchGet({ namespace: NAMESPACE, keys: names }, call).then((result) => {
      for (const [i, record] of records.entries()) {
        const name = at(names, i);
        const value = result.values.get(name);
        answer(record, {
          error: result.errors.get(name),
          value: value && valueNumber(value),
          degraded: result.degraded,
        });
      }
    }, fail);
  }

  #write(
    { kind, keys, leftMs, encrypt, ttlSeconds }: PlannedCall,
    { replica, call }: { readonly replica: Replica; readonly call: Call },
  ): void {
    const { service, index } = replica;
    const names = keys.map(keyName);
    const deadlineMs = this.#time.nowMs + leftMs;
    const isDelete = kind === "delete";
    const records = names.map((name) => {
      const key = storeKey(NAMESPACE, name);
      const record = this.#history.write({ replica: index, key, isDelete, deadlineMs });
      this.#history.note(`r${index}`, () => `${kind} ${key}: ${describe(record)}`);
      return record;
    });
    const answer = (given: string): void => {
      for (const record of records) this.#answered(record, given);
    };
    const fail = (error: unknown): void =>
      answer(call.signal?.aborted ? "cancelled" : codeOf(error));
    const request = { namespace: NAMESPACE, key: at(names, 0) };
    const acknowledge = ({ degraded }: { readonly degraded: boolean }): void =>
      answer(degraded ? "degraded" : "stored");
    const first = at(records, 0);
    if (kind === "delete") service.delete(request, call).then(acknowledge, fail);
    else if (kind === "set") {
      const value = numberedValue(first.number);
      service.set({ ...request, value, ttlSeconds, encrypt }, call).then(acknowledge, fail);
    } else {
      const entries = new Map(
        records.map(({ number }, i) => [at(names, i), numberedValue(number)]),
      );
      service.batchSet({ namespace: NAMESPACE, entries, ttlSeconds, encrypt }, call)
        .then((result) => result.success ? acknowledge(result) : answer("partly"), fail);
    }
  }

  #answered(write: WriteRecord, answer: string): void {
    write.answeredMs = this.#time.nowMs;
    write.answer = answer;
    this.#history.note(`r${write.replica}`, () => `  ${describe(write)}: ${answer}`);
  }
}

function seenIn(result: Hit | Miss): Partial<ReadRecord> {
  const { degraded } = result;
  if (!result.found) return { degraded };
  return { value: valueNumber(result.value), version: result.version, degraded };
}

function codeOf(error: unknown): string {
  return error instanceof CacheError ? error.code : `not a CacheError: ${error}`;
}

function describeRead({ key, value, degraded, error }: ReadRecord): string {
  const what = error ?? (value === undefined ? "miss" : `#${value}`);
  return `${key} is ${what}${degraded ? ", degraded" : ""}`;
}
