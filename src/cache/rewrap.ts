import type { Clock } from "../core/clock.ts";
import { FLAG_ENCRYPTED, isLive } from "../core/entry.ts";
import type { Envelope, SealContext } from "../core/envelope.ts";
import { asCacheError, CacheError, isStoreOutage } from "../core/errors.ts";
import { storeKeyPrefix } from "../core/key.ts";
import type { Lifecycle } from "../core/lifecycle.ts";
import type { Store, StoreRead } from "../core/store.ts";
import type { Logger } from "../core/telemetry.ts";
import type { Call } from "./call.ts";

/** Entries that are read, sealed and written at a time. */
const LANES = 16;
/** How often a call that met an outage of the store is made in all, and the pause between two. */
const ATTEMPTS = 30;
const RETRY_PAUSE_MS = 1000;
/** Time that a write has, where the store's own timeout is longer. */
const WRITE_TIMEOUT_MS = 3000;
/** When to try again where another one is running, which may take long. */
const BUSY_RETRY_SECONDS = 10;

/** What was found, in entries. Those scanned that are in no other count had been deleted or expired. */
export interface RewrapProgress {
  /** Entries that were looked at; one may be looked at twice. */
  readonly scanned: number;
  readonly rewrapped: number;
  /** Already sealed under the primary key. */
  readonly current: number;
  /** Not sealed. */
  readonly plain: number;
  /** Unreadable, or not sealed although the namespace is always sealed. */
  readonly invalid: number;
  /** Sealed, but could not be opened or sealed anew. */
  readonly failed: number;
  /** Written or deleted by someone else meanwhile. */
  readonly superseded: number;
}

/** What became of one entry. */
type Verdict = Exclude<keyof RewrapProgress, "scanned"> | "gone";

/** A rewrap under way. */
export interface RewrapRun {
  /** What it has done so far; what is done stays done, also where it fails. */
  progress(): RewrapProgress;
  /**
   * Settles when it does nothing any more. Rejects with `redis_unavailable` or `circuit_open` after
   * an outage that was too long, and with the reason it was cancelled for.
   */
  readonly done: Promise<void>;
  /** Ends it soon. */
  cancel(reason: CacheError): void;
}

export interface RewrapParts {
  readonly store: Store;
  readonly envelope: Envelope;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Seals what lies in a namespace under the primary key, where it is sealed under an older one. An
 * entry that is set or deleted between reading and writing it stays as that left it. Near caches need
 * not know: value, stamp and expiry are the same.
 */
export class Rewrap {
  readonly #parts: RewrapParts;
  #isRunning = false;

  constructor(parts: RewrapParts) {
    this.#parts = parts;
  }

  /**
   * Begins one. Rejects with `encryption_unavailable` without a key, and with `overloaded` while
   * another one runs in this process or the process is about to end, which also cancels those under
   * way.
   */
  async start(namespace: string, call: Call): Promise<RewrapRun> {
    const { lifecycle, logger } = this.#parts;
    if (lifecycle.phase === "draining") throw stopping();
    if (this.#isRunning) {
      throw new CacheError("overloaded", "Another rewrap is running; there is one at a time.", {
        retryAfterSeconds: BUSY_RETRY_SECONDS,
      });
    }
    this.#isRunning = true;
    const run = new Run(this.#parts, namespace);
    const forget = lifecycle.onChange((phase) => {
      if (phase === "draining") run.cancel(stopping());
    });
    const end = (): void => {
      this.#isRunning = false;
      forget();
    };
    try {
      await run.checkKey();
    } catch (error) {
      end();
      throw error;
    }
    const who = {
      correlation_id: call.record.correlationId,
      subject: call.principal.subject,
      namespace,
    };
    logger.info("A rewrap began.", who);
    const done = run.work().finally(end);
    done.then(
      () => logger.info("A rewrap ended.", { ...who, ...run.progress() }),
      (error) => {
        const { code } = asCacheError(error);
        logger.warn("A rewrap ended early.", { ...who, ...run.progress(), code });
      },
    );
    return { done, progress: () => run.progress(), cancel: (reason) => run.cancel(reason) };
  }
}

class Run {
  readonly #parts: RewrapParts;
  readonly #namespace: string;
  readonly #counts = {
    scanned: 0,
    rewrapped: 0,
    current: 0,
    plain: 0,
    invalid: 0,
    failed: 0,
    superseded: 0,
  };
  readonly #loggedCodes = new Set<string>();
  #endedBy: CacheError | undefined;

  constructor(parts: RewrapParts, namespace: string) {
    this.#parts = parts;
    this.#namespace = namespace;
  }

  progress(): RewrapProgress {
    return { ...this.#counts };
  }

  cancel(reason: CacheError): void {
    this.#endedBy ??= reason;
  }

  /** Without a key to seal under, every entry would be counted as failed. */
  async checkKey(): Promise<void> {
    const context = { namespace: this.#namespace, key: "", flags: FLAG_ENCRYPTED, expiresAtMs: 0 };
    await this.#parts.envelope.seal(new Uint8Array(0), context);
  }

  async work(): Promise<void> {
    const scan = () => this.#parts.store.scan(this.#namespace)[Symbol.asyncIterator]();
    let pages = scan();
    for (let failures = 0;;) {
      let page: IteratorResult<readonly string[]>;
      try {
        page = await pages.next();
      } catch (error) {
        await this.#pauseAfter(error, ++failures);
        pages = scan();
        continue;
      }
      if (page.done) return;
      await this.#rewrapAll(page.value);
      // Requests have their turn, also where the store answers without any wait.
      await this.#pause(0);
      this.#goOn();
    }
  }

  async #rewrapAll(keys: readonly string[]): Promise<void> {
    const queue = keys.values();
    const lane = async (): Promise<void> => {
      for (const key of queue) {
        if (this.#endedBy !== undefined) return;
        try {
          const verdict = await this.#settle(key);
          this.#counts.scanned++;
          if (verdict !== "gone") this.#counts[verdict]++;
        } catch (error) {
          this.cancel(asCacheError(error));
        }
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async #settle(key: string): Promise<Verdict> {
    for (let failures = 1;; failures++) {
      try {
        return await this.#rewrap(key);
      } catch (error) {
        await this.#pauseAfter(error, failures);
      }
    }
  }

  async #rewrap(key: string): Promise<Verdict> {
    const { store, envelope, clock } = this.#parts;
    const read = await store.get(key).catch(entryFault);
    if (read instanceof CacheError) return "invalid";
    const { entry } = read;
    if (entry === undefined || !isLive(entry, store.time.nowMs())) return "gone";
    const { flags, expiresAtMs } = entry;
    if ((flags & FLAG_ENCRYPTED) === 0) {
      return envelope.alwaysSeals(this.#namespace) ? "invalid" : "plain";
    }
    if (envelope.isCurrent(entry.payload)) return "current";
    const context: SealContext = {
      namespace: this.#namespace,
      key: key.slice(storeKeyPrefix(this.#namespace).length),
      flags,
      expiresAtMs,
    };
    let payload: Uint8Array<ArrayBuffer>;
    try {
      payload = await envelope.seal(await envelope.open(entry.payload, context), context);
    } catch (error) {
      return this.#failure(error);
    }
    const outcome = await store.write({
      key,
      entry: { ...entry, payload },
      mode: "rewrap",
      deadlineMs: clock.monotonicMs() + WRITE_TIMEOUT_MS,
    });
    switch (outcome.status) {
      case "written":
        return "rewrapped";
      case "superseded":
        return "superseded";
      case "late":
        throw new CacheError("redis_unavailable", "A write reached Redis too late to be made.");
      case "failed":
        throw outcome.error;
    }
  }

  /** Logged once for each code: there may be as many as there are entries. */
  #failure(error: unknown): "failed" {
    const { logger } = this.#parts;
    const { code, message } = asCacheError(error);
    if (!this.#loggedCodes.has(code)) {
      this.#loggedCodes.add(code);
      logger.warn("Entries cannot be rewrapped.", {
        namespace: this.#namespace,
        code,
        error: message,
      });
    }
    return "failed";
  }

  /** Waits before another attempt; throws where the fault is no outage, or there were enough. */
  async #pauseAfter(error: unknown, failures: number): Promise<void> {
    if (!isStoreOutage(error) || failures >= ATTEMPTS) throw error;
    await this.#pause(RETRY_PAUSE_MS);
    this.#goOn();
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#parts.clock.setTimer(resolve, ms));
  }

  #goOn(): void {
    if (this.#endedBy !== undefined) throw this.#endedBy;
  }
}

/** What is wrong with the one entry that was read; all other faults are thrown. */
function entryFault(error: unknown): CacheError | StoreRead {
  if (error instanceof CacheError && error.code === "entry_invalid") return error;
  throw error;
}

function stopping(): CacheError {
  return new CacheError("overloaded", "The service is stopping; another one can go on.");
}
