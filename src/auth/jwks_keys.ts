import type { CryptoKey } from "jose";
import type { Clock, Random, Timer } from "../core/clock.ts";
import type { Logger } from "../core/telemetry.ts";
import type { TokenHeader } from "./compact_token.ts";
import { isObject } from "./json_object.ts";
import { PUBLIC_KEY_ALGORITHMS, PublicKeys } from "./public_keys.ts";
import type { SigningKeys } from "./signing_keys.ts";
import { KeysUnavailable, TokenRefusal } from "./token_refusal.ts";

/** How long a loaded set is used before it is fetched again, give or take a tenth. */
const REFRESH_MS = 10 * 60_000;
/** From the start of one attempt to the start of the next, whatever came of it. */
const MIN_ATTEMPT_GAP_MS = 30_000;
/** Tokens that may wait for an attempt; the others are judged by the keys that are there. */
const MAX_WAITING = 1000;
/** The most members of a set. */
const MAX_KEYS = 100;

export interface JwksKeysOptions {
  /** Fetches the text of the JWK Set; bounded in time and bytes, given up by the signal. */
  readonly load: (signal: AbortSignal) => Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The keys of a JWK Set (RFC 7517) that another server publishes. The first attempt starts with the
 * object; the next ones every ten minutes, every half minute while they fail, and when a token names
 * a key that is not in the set: but never sooner than 30 s after the last attempt, so that strangers
 * with invented key names cannot make this service a load on that server. A set stays in use until
 * the next one is there; one that is well-formed and empty counts, for that is how all keys are
 * revoked.
 */
export class JwksKeys implements SigningKeys {
  readonly algorithms = PUBLIC_KEY_ALGORITHMS;
  readonly #options: JwksKeysOptions;
  readonly #closing = new AbortController();
  #keys: PublicKeys | undefined;
  #epoch = 0;
  /** Monotonic milliseconds. */
  #attemptedAtMs = -Infinity;
  /** The attempt that is under way; never rejects. */
  #attempt: Promise<void> | undefined;
  #waiting = 0;
  #isFailing = false;
  #timer: Timer | undefined;

  constructor(options: JwksKeysOptions) {
    this.#options = options;
    this.#begin();
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** A key that is there never waits; a token of an unknown key waits for one attempt at most. */
  async find(header: TokenHeader): Promise<CryptoKey> {
    const known = await this.#keys?.find(header);
    if (known !== undefined) return known;
    if (this.#waiting < MAX_WAITING) {
      this.#waiting++;
      await this.look().finally(() => this.#waiting--);
    }
    if (this.#keys === undefined) throw new KeysUnavailable(this.#retryAfterSeconds());
    const found = await this.#keys.find(header);
    if (found !== undefined) return found;
    throw new TokenRefusal("unknown_key", "The token was signed by a key that is not known.");
  }

  async look(): Promise<void> {
    await this.#attemptIfDue();
  }

  close(): void {
    this.#closing.abort(new Error("the service stops"));
    this.#timer?.cancel();
  }

  #attemptIfDue(): Promise<void> | undefined {
    if (this.#attempt === undefined && this.#gapLeftMs() <= 0 && !this.#closing.signal.aborted) {
      this.#begin();
    }
    return this.#attempt;
  }

  #begin(): void {
    this.#attempt = this.#load().finally(() => {
      this.#attempt = undefined;
    });
  }

  #gapLeftMs(): number {
    return this.#attemptedAtMs + MIN_ATTEMPT_GAP_MS - this.#options.clock.monotonicMs();
  }

  #retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(this.#gapLeftMs() / 1000));
  }

  async #load(): Promise<void> {
    const { load, clock } = this.#options;
    this.#timer?.cancel();
    this.#attemptedAtMs = clock.monotonicMs();
    try {
      const keys = await parseKeySet(await load(this.#closing.signal));
      if (!this.#closing.signal.aborted) this.#take(keys);
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#tell(error);
    }
    this.#schedule();
  }

  #take(keys: PublicKeys): void {
    const { logger } = this.#options;
    this.#isFailing = false;
    if (this.#keys !== undefined && keys.equals(this.#keys)) return;
    this.#keys = keys;
    this.#epoch++;
    if (keys.size > 0) logger.info("took a new set of keys for tokens", { keys: keys.size });
    else logger.warn("the new set of keys for tokens has no usable key: all tokens are refused");
  }

  #tell(error: unknown): void {
    if (!this.#isFailing) {
      const inUse = this.#keys === undefined ? "none were loaded yet" : "the last ones stay in use";
      this.#options.logger.warn(`cannot load the keys for tokens; ${inUse}`, {
        reason: error instanceof Error ? error.message : undefined,
      });
    }
    this.#isFailing = true;
  }

  #schedule(): void {
    if (this.#closing.signal.aborted) return;
    const { clock, random } = this.#options;
    const share = random.uint32() / 2 ** 32;
    const delayMs = this.#isFailing
      ? this.#gapLeftMs() + MIN_ATTEMPT_GAP_MS * share / 10
      : REFRESH_MS * (0.9 + share / 5);
    this.#timer = clock.setTimer(() => {
      // A timer may come a little early.
      if (this.#attemptIfDue() === undefined) this.#schedule();
    }, delayMs);
  }
}

/** Rejects with an `Error` that says why the text is no JWK Set (RFC 7517 section 5). */
async function parseKeySet(text: string): Promise<PublicKeys> {
  const members = keyMembers(text);
  if (members === undefined) throw new Error("the answer is not a JWK Set");
  if (members.length > MAX_KEYS) {
    throw new Error(`the set has ${members.length} keys, more than ${MAX_KEYS}`);
  }
  return await PublicKeys.of(members);
}

function keyMembers(text: string): readonly unknown[] | undefined {
  try {
    const set: unknown = JSON.parse(text);
    return isObject(set) && Array.isArray(set.keys) ? set.keys : undefined;
  } catch {
    return undefined;
  }
}
