import type { Clock } from "../core/clock.ts";

/** How long connection, head and body may take together. */
export const JWKS_TIMEOUT_MS = 5000;

/** The most bytes of an answer, after decompression. */
export const MAX_JWKS_BYTES = 1024 * 1024;

/** What a fetch takes besides the URL. */
export interface JwksFetchOptions {
  readonly clock: Clock;
  /** Ends the attempt early. */
  readonly signal: AbortSignal;
}

/**
 * The text that `url` answers with. Redirects are not followed: the operator has said where the
 * keys are. Rejects with an `Error` that says what went wrong.
 */
export async function fetchJwks(url: string, options: JwksFetchOptions): Promise<string> {
  const timeout = new AbortController();
  const expire = (): void => timeout.abort(new Error(`no answer within ${JWKS_TIMEOUT_MS} ms`));
  const timer = options.clock.setTimer(expire, JWKS_TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      headers: { accept: "application/jwk-set+json, application/json" },
      redirect: "manual",
      signal: AbortSignal.any([timeout.signal, options.signal]),
    });
    if (response.status === 200) return await boundedText(response);
    await response.body?.cancel();
    throw new Error(`the answer has status ${response.status}, not 200`);
  } finally {
    timer.cancel();
  }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let bytes = 0;
  let text = "";
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_JWKS_BYTES) {
      throw new Error(`the answer has more than ${MAX_JWKS_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
