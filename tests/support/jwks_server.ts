import { freePort } from "./free_port.ts";

/** A loopback server of a JWK Set, which can fail in many ways; counts what it is asked. */
export class JwksServer implements AsyncDisposable {
  readonly #port = freePort();
  readonly #hung = new Set<() => void>();
  #server: Deno.HttpServer | undefined;
  #abort = new AbortController();
  #answer: () => Response | Promise<Response> = () => Response.json({ keys: [] });
  /** How many requests have come. */
  requests = 0;

  /** Starts serving these members of a set. */
  static start(keys: readonly unknown[] = []): JwksServer {
    const server = new JwksServer();
    server.publish(keys);
    server.goUp();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/jwks.json`;
  }

  /** Answers with a set of these keys from now on. */
  publish(keys: readonly unknown[]): void {
    this.#answer = () => Response.json({ keys });
  }

  /** Answers with whatever `answer` makes from now on. */
  answerWith(answer: () => Response): void {
    this.#answer = answer;
  }

  /** Takes requests from now on and never answers them. */
  hang(): void {
    this.#answer = () =>
      new Promise((resolve) => {
        this.#hung.add(() => resolve(new Response(null, { status: 503 })));
      });
  }

  goUp(): void {
    this.#abort = new AbortController();
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: this.#port,
      signal: this.#abort.signal,
      onListen: () => {},
    }, () => {
      this.requests++;
      return this.#answer();
    });
  }

  /** Refuses connections from now on, and cuts those that are open. */
  async goDown(): Promise<void> {
    for (const release of this.#hung) release();
    this.#hung.clear();
    this.#abort.abort();
    await this.#server?.finished;
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.goDown();
  }
}
