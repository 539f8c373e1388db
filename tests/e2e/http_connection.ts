const ANSWER_DEADLINE_MS = 15_000;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a request has besides method and path. */
export interface HttpRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/**
 * One TCP connection that speaks HTTP/1.1 and hides nothing: it sends half a request where it is
 * told to, never retries, and shows the headers of the connection.
 */
export class HttpConnection implements Disposable {
  readonly #tcp: Deno.TcpConn;
  #unread = new Uint8Array(0);
  #closed = false;

  private constructor(tcp: Deno.TcpConn) {
    this.#tcp = tcp;
  }

  static async open(port: number): Promise<HttpConnection> {
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    tcp.setNoDelay(true);
    return new HttpConnection(tcp);
  }

  /** Sends a whole request and waits for its answer. */
  async exchange(method: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
    const { headers = {}, body = "" } = request;
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    await this.sendHead(`${method} ${path}`, { ...headers, "Content-Length": `${bytes.length}` });
    if (bytes.length > 0) await this.send(bytes);
    return await this.answer();
  }

  /** Sends the request line and the headers; `line` is method and path. */
  async sendHead(line: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const fields = Object.entries({ Host: "127.0.0.1", ...headers })
      .map(([name, value]) => `${name}: ${value}\r\n`);
    await this.send(`${line} HTTP/1.1\r\n${fields.join("")}\r\n`);
  }

  /** Sends bytes as they are; rejects where the server has closed the connection. */
  async send(data: string | Uint8Array): Promise<void> {
    let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.#tcp.write(rest));
  }

  /** The next answer, `100 Continue` included; rejects after 15 s and when the connection ends. */
  async answer(): Promise<HttpAnswer> {
    const late = setTimeout(() => this[Symbol.dispose](), ANSWER_DEADLINE_MS);
    try {
      return await this.#readAnswer();
    } finally {
      clearTimeout(late);
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tcp.close();
  }

  async #readAnswer(): Promise<HttpAnswer> {
    let end = -1;
    while ((end = endOfHead(this.#unread)) === -1) await this.#readMore();
    const [line = "", ...fields] = new TextDecoder().decode(this.#take(end)).trim().split("\r\n");
    const headers = new Headers(
      fields.map((field): [string, string] => {
        const colon = field.indexOf(":");
        return [field.slice(0, colon), field.slice(colon + 1).trim()];
      }),
    );
    const length = Number(headers.get("content-length") ?? 0);
    while (this.#unread.length < length) await this.#readMore();
    return { status: Number(line.split(" ")[1]), headers, body: this.#take(length) };
  }

  async #readMore(): Promise<void> {
    const chunk = new Uint8Array(64 * 1024);
    const count = await this.#tcp.read(chunk);
    if (count === null) throw new Error("the connection ended before the answer was complete");
    const joined = new Uint8Array(this.#unread.length + count);
    joined.set(this.#unread);
    joined.set(chunk.subarray(0, count), this.#unread.length);
    this.#unread = joined;
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    const taken = this.#unread.slice(0, length);
    this.#unread = this.#unread.slice(length);
    return taken;
  }
}

/** The index after the empty line, or -1. */
function endOfHead(bytes: Uint8Array): number {
  for (let index = 3; index < bytes.length; index++) {
    if (bytes[index] === 10 && bytes[index - 2] === 10 && bytes[index - 1] === 13) return index + 1;
  }
  return -1;
}

/** The JSON of an answer's body. */
// deno-lint-ignore no-explicit-any -- whatever JSON the service answers; tests look at it
export function jsonOf(answer: HttpAnswer): any {
  return JSON.parse(new TextDecoder().decode(answer.body));
}
