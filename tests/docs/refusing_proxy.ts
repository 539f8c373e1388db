/** Answers the first request with 503 and hands all later ones on to `origin`. */
export class RefusingProxy implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #requests = 0;

  constructor(origin: string) {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      if (this.#requests++ === 0) return refusal();
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = method === "GET" ? null : await request.bytes();
      return await fetch(`${origin}${pathname}${search}`, { method, headers, body });
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** How many requests came. */
  get requests(): number {
    return this.#requests;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.shutdown();
  }
}

function refusal(): Response {
  return Response.json({ code: "overloaded" }, { status: 503, headers: { "Retry-After": "1" } });
}
