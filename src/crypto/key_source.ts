import type { Clock } from "../core/clock.ts";
import { PolledText } from "../core/polled_text.ts";
import type { Secret } from "../core/secret.ts";
import type { Logger } from "../core/telemetry.ts";
import { MAX_KEY_LIST_BYTES, parseKeyList } from "./key_list.ts";
import { importKeys, KeyRing, type RingKey } from "./key_ring.ts";

/** Fills a key ring and keeps it up to date. */
export interface KeySource {
  readonly ring: KeyRing;
  /** Looks at once whether the keys have changed. Never rejects. */
  look(): Promise<void>;
  close(): void;
}

const POLL_MS = 5000;

/** Keys that stay as they are, perhaps none. Rejects where two have the same id. */
export async function fixedKeys(secrets: readonly Secret[]): Promise<KeySource> {
  const ring = new KeyRing(await importKeys(secrets));
  return { ring, look: () => Promise.resolve(), close: () => {} };
}

/**
 * Keys out of a file (see `parseKeyList`) that another program replaces now and then. Rejects
 * where the file cannot be used; once it could, a broken one leaves the keys as they are.
 */
export async function fileKeys(
  path: string,
  { clock, logger, onRemoved }: {
    readonly clock: Clock;
    readonly logger: Logger;
    /** As for `KeyRing`. */
    readonly onRemoved: () => void;
  },
): Promise<KeySource> {
  let latest = await readKeyFile(path);
  const ring = new KeyRing(latest.keys, onRemoved);
  const polled = new PolledText({
    initial: latest.digest,
    read: async () => {
      latest = await readKeyFile(path);
      return latest.digest;
    },
    onChange: () => {
      ring.replace(latest.keys);
      logger.info("the encryption keys were replaced", { keys: latest.keys.length });
    },
    onFailure: (error) =>
      logger.warn("the file of encryption keys cannot be used; the keys stay as they were", {
        path,
        reason: error instanceof Error ? error.message : undefined,
      }),
    clock,
    everyMs: POLL_MS,
  });
  return { ring, look: () => polled.look(), close: () => polled.close() };
}

/**
 * The keys in a file, and a digest of it to compare by: the text itself is not to be kept. Rejects
 * where the file cannot be used.
 */
export async function readKeyFile(
  path: string,
): Promise<{ digest: string; keys: readonly RingKey[] }> {
  const bytes = await readStart(path, MAX_KEY_LIST_BYTES + 1);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const secrets = parseKeyList(new TextDecoder().decode(bytes));
  bytes.fill(0);
  if (secrets instanceof Error) throw secrets;
  return { digest, keys: await importKeys(secrets) };
}

async function readStart(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(maxBytes);
  let length = 0;
  while (length < maxBytes) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}
