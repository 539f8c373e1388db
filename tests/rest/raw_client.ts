/** A plain connection: what it sends and receives is up to the test alone. */
export class RawClient implements Disposable {
  readonly #connection: Deno.Conn;
  #received = "";

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Over TLS; `caPem` signed the certificate that the server must show. */
  static async connectTls(port: number, caPem: string): Promise<RawClient> {
    const options = { hostname: "127.0.0.1", port, caCerts: [caPem] };
    const connection = await Deno.connectTls(options);
    const client = new RawClient(connection);
    await connection.handshake().catch((error) => {
      client[Symbol.dispose]();
      throw error;
    });
    return client;
  }

  async send(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (bytes.length > 0) bytes = bytes.subarray(await this.#connection.write(bytes));
  }

  /** What arrives up to the first `end`, or all of it where the server closes before. */
  async receive(end?: string): Promise<string> {
    const buffer = new Uint8Array(1 << 16);
    while (end === undefined || !this.#received.includes(end)) {
      const length = await this.#connection.read(buffer);
      if (length === null) break;
      this.#received += new TextDecoder().decode(buffer.subarray(0, length));
    }
    const at = end === undefined ? -1 : this.#received.indexOf(end);
    const taken = at === -1 ? this.#received.length : at + `${end}`.length;
    const text = this.#received.slice(0, taken);
    this.#received = this.#received.slice(taken);
    return text;
  }

  /** What has arrived and was not given out yet. */
  get received(): string {
    return this.#received;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
