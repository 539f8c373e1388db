import type { CryptoKey } from "jose";
import type { Clock } from "../core/clock.ts";
import { PolledText } from "../core/polled_text.ts";
import type { Logger } from "../core/telemetry.ts";
import type { TokenHeader } from "./compact_token.ts";
import { parsePublicKeyPem, type PublicKey } from "./public_key_pem.ts";
import type { SigningKeys } from "./signing_keys.ts";
import { TokenRefusal } from "./token_refusal.ts";

/** How often the file is looked at. */
export const PEM_POLL_MS = 5000;

export interface PemKeysOptions {
  /** Gives the file's text as it is now. */
  readonly read: () => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The public key in a PEM file. Rejects where the file cannot be read or holds no usable one. */
export async function readPublicKey(path: string): Promise<PublicKey> {
  return await parsePublicKeyPem(await Deno.readTextFile(path));
}

/** One public key out of a PEM file, which may be replaced while the service runs. */
export class PemKeys implements SigningKeys {
  readonly #logger: Logger;
  readonly #file: PolledText;
  #key: PublicKey;
  #epoch = 0;

  private constructor(
    { key, text }: { readonly key: PublicKey; readonly text: string },
    { read, clock, logger }: PemKeysOptions,
  ) {
    this.#key = key;
    this.#logger = logger;
    this.#file = new PolledText({
      read,
      initial: text,
      onChange: (changed) => this.#replace(changed),
      onFailure: (error) =>
        logger.warn("cannot take the new public key for tokens; the last one stays in use", {
          reason: error instanceof Error ? error.message : undefined,
        }),
      clock,
      everyMs: PEM_POLL_MS,
    });
  }

  /** Rejects where the file cannot be read or holds no usable public key. */
  static async open(options: PemKeysOptions): Promise<PemKeys> {
    const text = await options.read();
    return new PemKeys({ key: await parsePublicKeyPem(text), text }, options);
  }

  get algorithms(): readonly string[] {
    return this.#key.algorithms;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** There is one key, so it does not matter which key the token names. */
  async find({ alg }: TokenHeader): Promise<CryptoKey> {
    const key = await this.#key.keys.find({ alg, kid: undefined });
    if (key !== undefined) return key;
    throw new TokenRefusal("algorithm", "The token's algorithm does not fit the key.");
  }

  look(): Promise<void> {
    return this.#file.look();
  }

  close(): void {
    this.#file.close();
  }

  async #replace(text: string): Promise<void> {
    const key = await parsePublicKeyPem(text);
    if (key.keys.equals(this.#key.keys)) return;
    this.#key = key;
    this.#epoch++;
    this.#logger.info("the public key for tokens has changed", { algorithms: key.algorithms });
  }
}
