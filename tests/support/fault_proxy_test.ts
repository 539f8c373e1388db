import assert from "node:assert/strict";
import { serverTest } from "./backends.ts";
import { type FaultProxy, type FaultProxyTarget, startFaultProxy } from "./fault_proxy.ts";
import { startRedis } from "./redis_server.ts";
import { callRedis } from "./resp.ts";
import { waitFor } from "./wait_for.ts";

const HOST = "127.0.0.1";
/** Long enough for loopback: what has not come by then was held. */
const SILENCE_MS = 50;
const DEADLINE_MS = 10_000;

/** Answers every byte it gets with the same byte, after its `greeting`. */
class EchoServer implements AsyncDisposable {
  readonly target: FaultProxyTarget;
  readonly received: string[] = [];
  readonly #listener = Deno.listen({ hostname: HOST, port: 0 });
  readonly #running: Promise<void>;

  constructor(greeting = "") {
    this.target = { host: HOST, port: this.#listener.addr.port };
    this.#running = this.#run(new TextEncoder().encode(greeting));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#running;
  }

  async #run(greeting: Uint8Array): Promise<void> {
    const served: Promise<void>[] = [];
    for await (const connection of this.#listener) served.push(this.#serve(connection, greeting));
    await Promise.all(served);
  }

  async #serve(connection: Deno.Conn, greeting: Uint8Array): Promise<void> {
    try {
      if (greeting.length > 0) await connection.write(greeting);
      const chunk = new Uint8Array(65_536);
      for (let count; (count = await connection.read(chunk)) !== null;) {
        const bytes = chunk.subarray(0, count);
        if (count < 100) this.received.push(new TextDecoder().decode(bytes));
        for (let sent = 0; sent < count;) sent += await connection.write(bytes.subarray(sent));
      }
    } catch (error) {
      if (!isDisconnect(error)) throw error;
    } finally {
      connection.close();
    }
  }
}

function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}

/** A client that keeps one read under way and gathers what comes. */
class Client implements Disposable {
  readonly #connection: Deno.TcpConn;
  received = "";
  ended: "no" | "end" | "reset" | "closed here" = "no";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    void this.#gather();
  }

  static async connect(proxy: FaultProxy): Promise<Client> {
    return new Client(await Deno.connect({ hostname: HOST, port: proxy.port }));
  }

  get port(): number {
    return this.#connection.localAddr.port;
  }

  async send(text: string): Promise<void> {
    await this.#connection.write(new TextEncoder().encode(text));
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  async receives(text: string): Promise<void> {
    await waitFor(() => this.received === text, {
      deadlineMs: DEADLINE_MS,
      what: `"${text}" to arrive`,
    }).catch((error) => assert.equal(this.received, text, error));
  }

  async ends(how: "end" | "reset"): Promise<void> {
    await waitFor(() => this.ended !== "no", { deadlineMs: DEADLINE_MS, what: `the ${how}` });
    assert.equal(this.ended, how);
  }

  [Symbol.dispose](): void {
    this.ended = "closed here";
    this.#connection.close();
  }

  async #gather(): Promise<void> {
    const chunk = new Uint8Array(65_536);
    try {
      for (let count; (count = await this.#connection.read(chunk)) !== null;) {
        this.received += new TextDecoder().decode(chunk.subarray(0, count));
      }
      this.ended = "end";
    } catch (error) {
      if (this.ended === "closed here") return;
      if (!isDisconnect(error)) throw error;
      this.ended = "reset";
    }
  }
}

function silence(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
}

Deno.test("a proxy forwards bytes and the end of either way", async () => {
  await using echo = new EchoServer();
  await using proxy = await startFaultProxy({ target: echo.target });
  using client = await Client.connect(proxy);
  assert.equal(proxy.address, `127.0.0.1:${proxy.port}`);
  await client.send("one");
  await client.receives("one");
  assert.equal(proxy.connections, 1);
  await client.send(" two");
  await client.closeWrite();
  await client.ends("end");
  assert.equal(client.received, "one two");
  await waitFor(() => proxy.connections === 0, { deadlineMs: DEADLINE_MS, what: "the end" });
  assert.equal(proxy.accepted, 1);
});

Deno.test("a delay holds every byte for its time, each way, until healed", async () => {
  await using echo = new EchoServer();
  await using proxy = await startFaultProxy({ target: echo.target });
  using client = await Client.connect(proxy);
  proxy.delay(40);
  const sentAtMs = performance.now();
  await client.send("slow");
  await client.receives("slow");
  assert(performance.now() - sentAtMs >= 80);
  proxy.delay(3_600_000);
  await client.send("er");
  await silence();
  assert.equal(client.received, "slow");
  proxy.heal();
  await client.receives("slower");
});

Deno.test("a black hole keeps connections open and delivers when healed", async () => {
  await using echo = new EchoServer("hello ");
  await using proxy = await startFaultProxy({ target: echo.target });
  using client = await Client.connect(proxy);
  using leaving = await Client.connect(proxy);
  await Promise.all([client.receives("hello "), leaving.receives("hello ")]);
  proxy.blackhole();
  await leaving.closeWrite();
  await client.send("a");
  await client.send("b");
  using later = await Client.connect(proxy);
  await later.send("c");
  await later.closeWrite();
  await silence();
  assert.deepEqual([client.received, later.received], ["hello ", ""]);
  assert.deepEqual([client.ended, leaving.ended, later.ended], ["no", "no", "no"]);
  assert.equal(echo.received.join(""), "");
  assert.equal(proxy.connections, 3);
  proxy.heal();
  await client.receives("hello ab");
  await later.receives("hello c");
  await Promise.all([leaving.ends("end"), later.ends("end")]);
});

Deno.test("a black hole can drop what is sent, also what it already held", async () => {
  await using echo = new EchoServer();
  await using proxy = await startFaultProxy({ target: echo.target });
  using client = await Client.connect(proxy);
  proxy.blackhole();
  await client.send("held");
  await silence();
  proxy.blackhole({ drop: true });
  await client.send("lost");
  await silence();
  proxy.heal();
  await client.send("new");
  await client.receives("new");
});

Deno.test("one connection of several can be black-holed", async () => {
  await using echo = new EchoServer();
  await using proxy = await startFaultProxy({ target: echo.target });
  using first = await Client.connect(proxy);
  using second = await Client.connect(proxy);
  await second.send("-");
  await second.receives("-");
  proxy.blackhole({ only: (connection) => connection.clientPort === first.port });
  using third = await Client.connect(proxy);
  for (const client of [first, second, third]) await client.send("x");
  await Promise.all([second.receives("-x"), third.receives("x")]);
  await silence();
  assert.equal(first.received, "");
  proxy.blackhole({ only: ({ index }) => index === 2 });
  await third.send("y");
  await silence();
  assert.equal(third.received, "x");
});

Deno.test("a half-closed client still reaches the target", async () => {
  await using echo = new EchoServer();
  await using proxy = await startFaultProxy({ target: echo.target });
  using client = await Client.connect(proxy);
  await client.send("x");
  await client.receives("x");
  proxy.halfClose();
  await client.ends("end");
  await client.send("still here");
  await waitFor(() => echo.received.includes("still here"), {
    deadlineMs: DEADLINE_MS,
    what: "the target to receive",
  });
});

Deno.test("a cut resets the connections of the moment", async () => {
  await using echo = new EchoServer();
  await using proxy = await startFaultProxy({ target: echo.target });
  using client = await Client.connect(proxy);
  await client.send("x");
  await client.receives("x");
  proxy.blackhole();
  await client.send("held");
  proxy.cut();
  await client.ends("reset");
  proxy.heal();
  using next = await Client.connect(proxy);
  await next.send("y");
  await next.receives("y");
  assert.equal(proxy.connections, 1);
});

Deno.test("a refusing proxy closes new connections only", async () => {
  await using echo = new EchoServer();
  await using proxy = await startFaultProxy({ target: echo.target });
  using client = await Client.connect(proxy);
  await client.send("x");
  await client.receives("x");
  proxy.refuse();
  using refused = await Client.connect(proxy);
  await refused.ends("end");
  await client.send("y");
  await client.receives("xy");
  proxy.heal();
  using next = await Client.connect(proxy);
  await next.send("z");
  await next.receives("z");
  assert.deepEqual([proxy.connections, proxy.accepted], [2, 3]);
});

Deno.test("two servers can stand behind one address", async () => {
  await using one = new EchoServer("one:");
  await using two = new EchoServer("two:");
  await using proxy = await startFaultProxy({ target: one.target });
  using old = await Client.connect(proxy);
  await old.receives("one:");
  proxy.retarget(two.target);
  using next = await Client.connect(proxy);
  await next.receives("two:");
  await old.send("x");
  await old.receives("one:x");
});

Deno.test("a client of a server that is gone is closed", async () => {
  const echo = new EchoServer();
  await echo[Symbol.asyncDispose]();
  await using proxy = await startFaultProxy({ target: echo.target });
  using client = await Client.connect(proxy);
  await waitFor(() => client.ended !== "no", { deadlineMs: DEADLINE_MS, what: "the end" });
});

Deno.test("a black hole reads ahead within bounds, and loses nothing", async () => {
  const totalBytes = 32 * 1024 * 1024;
  const pattern = Uint8Array.from({ length: 65_536 }, (_, i) => i % 251);
  await using echo = new EchoServer();
  await using proxy = await startFaultProxy({ target: echo.target });
  using connection = await Deno.connect({ hostname: HOST, port: proxy.port });
  proxy.blackhole();
  let sentBytes = 0;
  const sending = (async (): Promise<void> => {
    while (sentBytes < totalBytes) {
      sentBytes += await connection.write(pattern.subarray(sentBytes % 251));
    }
    await connection.closeWrite();
  })();
  let before = 0;
  const isHeldUp = (): boolean => {
    const isStill = sentBytes > 0 && sentBytes === before;
    before = sentBytes;
    return isStill;
  };
  await waitFor(isHeldUp, { deadlineMs: DEADLINE_MS, intervalMs: 200, what: "the sender to stop" });
  assert(sentBytes < totalBytes / 2, `${sentBytes} bytes went into the black hole`);
  proxy.heal();
  let receivedBytes = 0;
  const chunk = new Uint8Array(65_536);
  for (let count; (count = await connection.read(chunk)) !== null;) {
    for (const byte of chunk.subarray(0, count)) {
      if (byte !== receivedBytes++ % 251) assert.fail(`byte ${receivedBytes} is another`);
    }
  }
  await sending;
  assert.equal(receivedBytes, sentBytes);
});

const needs = ["redis-server"];

serverTest({
  name: "a Redis can be black-holed, healed and changed for another",
  needs,
  fn: async () => {
    await using redis = await startRedis();
    await using other = await startRedis();
    await using proxy = await startFaultProxy({ target: redis });
    const call = (...command: string[]): Promise<string> =>
      callRedis(proxy.port, { commands: [command], timeoutMs: 300 });
    assert.equal(await call("SET", "key", "value"), "OK");
    proxy.blackhole({ drop: true });
    await assert.rejects(call("SET", "key", "lost"), /did not answer within 300 ms/);
    proxy.heal();
    assert.equal(await call("GET", "key"), "value");
    proxy.retarget(other);
    assert.equal(await call("GET", "key"), "(nil)");
    await other.kill();
    await assert.rejects(call("PING"));
  },
});

serverTest({
  name: "a connection is found by where Redis sees it come from",
  needs,
  fn: async () => {
    await using redis = await startRedis();
    await using proxy = await startFaultProxy({ target: redis });
    using named = await Client.connect(proxy);
    using other = await Client.connect(proxy);
    await named.send("CLIENT SETNAME subscriber\r\n");
    await named.receives("+OK\r\n");
    const list = await redis.command("CLIENT", "LIST");
    const port = Number(list.match(/addr=127\.0\.0\.1:(\d+) .* name=subscriber /)?.[1]);
    proxy.blackhole({ only: ({ upstreamPort }) => upstreamPort === port });
    for (const client of [named, other]) await client.send("PING\r\n");
    await other.receives("+PONG\r\n");
    await silence();
    assert.equal(named.received, "+OK\r\n");
  },
});

serverTest({
  name: "a proxy ends although a frozen Redis reads nothing",
  needs,
  fn: async () => {
    await using redis = await startRedis();
    await using proxy = await startFaultProxy({ target: redis });
    using client = await Client.connect(proxy);
    await client.send("PING\r\n");
    await client.receives("+PONG\r\n");
    redis.freeze();
    const sending = client.send("x".repeat(16 * 1024 * 1024)).catch((error) => {
      if (!isDisconnect(error)) throw error;
    });
    await silence();
    await proxy[Symbol.asyncDispose]();
    await sending;
    await client.ends("reset");
  },
});
