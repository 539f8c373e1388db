import {
  type BatchRead,
  type CacheDriver,
  type Read,
  Refusal,
  type WriteOptions,
} from "./cache_driver.ts";

/** Uses the cache by REST, as a client with `fetch` would. */
export class RestDriver implements CacheDriver {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** `origin` is scheme, host and port; `token` a bearer token. */
  constructor(origin: string, options: { readonly token?: string } = {}) {
    this.#base = `${origin}/api/v1/cache`;
    this.#headers = {
      "content-type": "application/json",
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    };
  }

  async get(namespace: string, key: string): Promise<Read> {
    const response = await fetch(this.#url(namespace, key), { headers: this.#headers });
    const body = await response.json();
    const degraded = response.headers.get("x-cache-degraded") === "true";
    if (response.status === 404 && body.found === false) return { found: false, degraded };
    refuse(response, body);
    return {
      found: true,
      value: Uint8Array.fromBase64(body.value),
      source: body.source,
      ttlSeconds: body.ttl_seconds,
      version: response.headers.get("x-cache-version") ?? "",
      degraded,
    };
  }

  async set(
    { namespace, key, value }: { namespace: string; key: string; value: Uint8Array },
    options: WriteOptions = {},
  ): Promise<{ degraded: boolean }> {
    const { degraded } = await this.#send(this.#url(namespace, key), {
      method: "PUT",
      body: { value: value.toBase64(), ...wireOptions(options) },
    });
    return { degraded };
  }

  async delete(namespace: string, key: string): Promise<{ deleted: boolean; degraded: boolean }> {
    const { body, degraded } = await this.#send(this.#url(namespace, key), { method: "DELETE" });
    return { deleted: body.deleted, degraded };
  }

  async batchGet(namespace: string, keys: readonly string[]): Promise<BatchRead> {
    const { body, degraded } = await this.#send(
      `${this.#base}/${encodeURIComponent(namespace)}/batch/get`,
      {
        method: "POST",
        body: { keys },
      },
    );
    const values = new Map<string, Uint8Array>();
    for (const [key, value] of Object.entries<string>(body.values)) {
      values.set(key, Uint8Array.fromBase64(value));
    }
    const errors = new Map<string, string>(Object.entries<string>(body.errors ?? {}));
    return { values, missingKeys: body.missing_keys, errors, degraded };
  }

  async batchSet(
    { namespace, entries }: { namespace: string; entries: ReadonlyMap<string, Uint8Array> },
    options: WriteOptions = {},
  ): Promise<{ success: boolean; storedCount: number; degraded: boolean }> {
    const encoded = Object.create(null);
    for (const [key, value] of entries) encoded[key] = value.toBase64();
    const { body, degraded } = await this.#send(
      `${this.#base}/${encodeURIComponent(namespace)}/batch/set`,
      {
        method: "POST",
        body: { entries: encoded, ...wireOptions(options) },
      },
    );
    return { success: body.success, storedCount: body.stored_count, degraded };
  }

  close(): void {}

  #url(namespace: string, key: string): string {
    return `${this.#base}/${encodeURIComponent(namespace)}/${encodeKey(key)}`;
  }

  async #send(
    url: string,
    { method, body }: { readonly method: string; readonly body?: unknown },
    // deno-lint-ignore no-explicit-any -- whatever JSON the service answers; tests look at it
  ): Promise<{ body: any; degraded: boolean }> {
    const response = await fetch(url, {
      method,
      headers: this.#headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.json();
    refuse(response, answer);
    return { body: answer, degraded: response.headers.get("x-cache-degraded") === "true" };
  }
}

/** `encodeURIComponent`, which throws for lone surrogates, extended to bytes no client should send. */
function encodeKey(key: string): string {
  return key.isWellFormed() ? encodeURIComponent(key) : "%ED%A0%80";
}

function wireOptions({ ttlSeconds, encrypt }: WriteOptions): Record<string, unknown> {
  return {
    ...(ttlSeconds === undefined ? {} : { ttl_seconds: ttlSeconds }),
    ...(encrypt === undefined ? {} : { encrypt }),
  };
}

function refuse(response: Response, body: { code?: string; detail?: string }): void {
  if (!response.ok) throw new Refusal(body.code ?? `${response.status}`, body.detail ?? "");
}
