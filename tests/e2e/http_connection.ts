const ANSWER_DEADLINE_MS = 15_000;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Whether the server says that it closes the connection after this answer. */
export function endsConnection({ headers }: HttpAnswer): boolean {
  return (headers.get("connection") ?? "").split(",").some((option) => option.trim() === "close");
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
    const body = bytesOf(request.body ?? "");
    const length = method === "GET" ? {} : { "Content-Length": `${body.length}` };
    const head = headOf(`${method} ${path}`, { ...request.headers, ...length });
    await this.send(joined(head, body));
    return await this.answer();
  }

  /** Sends the request line and the headers; `line` is method and path. */
  async sendHead(line: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.send(headOf(line, headers));
  }

  /** Sends bytes as they are; rejects where the server has closed the connection. */
  async send(data: string | Uint8Array): Promise<void> {
    let rest = bytesOf(data);
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
    this.#unread = joined(this.#unread, chunk.subarray(0, count));
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    const taken = this.#unread.slice(0, length);
    this.#unread = this.#unread.slice(length);
    return taken;
  }
}

function headOf(line: string, headers: Readonly<Record<string, string>>): Uint8Array {
  const fields = Object.entries({ Host: "127.0.0.1", ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return bytesOf(`${line} HTTP/1.1\r\n${fields.join("")}\r\n`);
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
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
