import assert from "node:assert/strict";
import { type RestServer, startRestServer } from "../../src/http/rest_server.ts";
import { type RestFixture, restFixture } from "./rest_fixture.ts";

const KEY = "/api/v1/cache/ns/k";
const HOST = "127.0.0.1";

/** A plain connection: what it sends and receives is up to the test alone. */
class RawClient implements Disposable {
  readonly #connection: Deno.Conn;
  #received = "";

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: HOST, port }));
  }

  async send(text: string): Promise<void> {
    let bytes = new TextEncoder().encode(text);
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

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

async function withServer(
  use: (server: RestServer, fixture: RestFixture) => Promise<void>,
  fixture = restFixture(),
): Promise<void> {
  const server = startRestServer(fixture.app, { host: HOST, port: 0 });
  try {
    await use(server, fixture);
  } finally {
    await server.abort();
  }
}

const put = (headers: string) => `PUT ${KEY} HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n`;
const OCTETS = "Content-Type: application/octet-stream\r\n";

Deno.test("the server hands over the path as it was sent", async () => {
  await withServer(async ({ port }) => {
    const codes = { "%zz": "invalid_key", "%2e%2E": "invalid_key", "a/b": "not_found" };
    for (const [key, code] of Object.entries(codes)) {
      using client = await RawClient.connect(port);
      await client.send(`GET /api/v1/cache/ns/${key} HTTP/1.1\r\nHost: h\r\n\r\n`);
      assert.match(await client.receive("}"), new RegExp(`"code":"${code}"`), key);
    }
  });
});

Deno.test("a value of the largest size goes in and comes out", async () => {
  await withServer(async ({ port }) => {
    const url = `http://${HOST}:${port}${KEY}`;
    const value = crypto.getRandomValues(new Uint8Array(65_536));
    const large = new Uint8Array(1 << 20);
    for (let at = 0; at < large.length; at += value.length) large.set(value, at);
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ value: large.toBase64() });
    const set = await fetch(url, { method: "PUT", headers, body });
    assert.deepEqual(await set.json(), { success: true });
    const got = await fetch(url, { headers: { Accept: "application/octet-stream" } });
    assert.deepEqual(await got.bytes(), large);
  });
});

Deno.test("a body that is declared too large is refused before it is sent", async () => {
  await withServer(async ({ port }, { budget }) => {
    using client = await RawClient.connect(port);
    await client.send(put(`${OCTETS}Content-Length: 2000000000`));
    const answer = await client.receive("}");
    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.match(answer, /\r\nconnection: close\r\n/i);
    assert.equal(budget.usedBytes, 0);
  });
});

Deno.test("a body without a length is refused where it passes the limit", async () => {
  await withServer(async ({ port }, { budget }) => {
    using client = await RawClient.connect(port);
    await client.send(put(`${OCTETS}Transfer-Encoding: chunked`));
    await client.send(`200000\r\n${"x".repeat(0x200000)}\r\n`);
    assert.match(await client.receive("}"), /^HTTP\/1\.1 413 /);
    assert.equal(budget.usedBytes, 0);
  });
});

Deno.test("a client that goes away midway leaves nothing held", async () => {
  const fixture = restFixture();
  const released = Promise.withResolvers<void>();
  const { budget } = fixture;
  const release = budget.release.bind(budget);
  budget.release = (bytes) => {
    release(bytes);
    released.resolve();
  };
  await withServer(async ({ port }) => {
    const client = await RawClient.connect(port);
    await client.send(put(`${OCTETS}Content-Length: 1000000`) + "x");
    client[Symbol.dispose]();
    await released.promise;
    assert.equal(budget.usedBytes, 0);
  }, fixture);
});

Deno.test("a port in use is AddrInUse at once", async () => {
  await withServer(({ port }, { app }) => {
    assert.throws(() => startRestServer(app, { host: HOST, port }), Deno.errors.AddrInUse);
    return Promise.resolve();
  });
});

Deno.test("a shutdown closes idle connections and finishes what is in flight", async () => {
  const started = Promise.withResolvers<void>();
  const store = Promise.withResolvers<undefined>();
  const fixture = restFixture({
    store: {
      get: () => {
        started.resolve();
        return store.promise;
      },
    },
  });
  await withServer(async (server, { lifecycle }) => {
    using idle = await RawClient.connect(server.port);
    await idle.send(`GET /live HTTP/1.1\r\nHost: h\r\n\r\n`);
    await idle.receive("}");
    using busy = await RawClient.connect(server.port);
    await busy.send(`GET ${KEY} HTTP/1.1\r\nHost: h\r\n\r\n`);
    await started.promise;
    lifecycle.enter("draining");
    const shutdown = server.shutdown();
    assert.equal(await idle.receive(), "");
    await assert.rejects(Deno.connect({ hostname: HOST, port: server.port }));
    store.resolve(undefined);
    const answer = await busy.receive();
    assert.match(answer, /^HTTP\/1\.1 404 /);
    assert.match(answer, /\r\nconnection: close\r\n/i);
    await shutdown;
  }, fixture);
});

Deno.test("an abort cuts what is in flight", async () => {
  const started = Promise.withResolvers<void>();
  const fixture = restFixture({
    store: {
      get: () => {
        started.resolve();
        return new Promise(() => {});
      },
    },
  });
  await withServer(async (server) => {
    using client = await RawClient.connect(server.port);
    await client.send(`GET ${KEY} HTTP/1.1\r\nHost: h\r\n\r\n`);
    await started.promise;
    await server.abort();
    assert.equal(await client.receive().catch(() => ""), "");
  }, fixture);
});
