import assert from "node:assert/strict";
import { BindError } from "../../src/core/bind_error.ts";
import type { MemoryBudget } from "../../src/core/memory_budget.ts";
import type { StoreRead } from "../../src/core/store.ts";
import { type RestServer, startRestServer } from "../../src/http/rest_server.ts";
import { systemClock } from "../../src/system.ts";
import { waitFor } from "../support/wait_for.ts";
import { RawClient } from "./raw_client.ts";
import { REQUEST_TIMEOUT_MS, type RestFixture, restFixture } from "./rest_fixture.ts";

const KEY = "/api/v1/cache/ns/k";
const HOST = "127.0.0.1";
const quiet = () => {};
const SERVING = {
  host: HOST,
  requestTimeoutMs: REQUEST_TIMEOUT_MS,
  clock: systemClock,
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
};

async function withServer(
  use: (server: RestServer, fixture: RestFixture) => Promise<void>,
  fixture = restFixture(),
): Promise<void> {
  const server = await startRestServer(fixture.app, { ...SERVING, port: 0 });
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
  await withServer(async ({ port }, { app }) => {
    await assert.rejects(startRestServer(app, { ...SERVING, port }), {
      name: "AddrInUse",
      message: `REST cannot listen on ${HOST}:${port}: it is in use.`,
    });
  });
});

Deno.test("an address that cannot be bound is a BindError that names it", async () => {
  const { app } = restFixture();
  for (const host of ["192.0.2.1", "no such host"]) {
    await assert.rejects(startRestServer(app, { ...SERVING, host, port: 1 }), (error) => {
      assert.ok(error instanceof BindError);
      assert.ok(error.message.startsWith(`REST cannot listen on ${host}:1: `), error.message);
      return true;
    });
  }
});

Deno.test("a Host that would change the path is refused", async () => {
  await withServer(async ({ port }) => {
    for (const host of [`x${KEY}?`, "x?a", "x#", "x\\y", "u@x", "x y"]) {
      using client = await RawClient.connect(port);
      await client.send(`GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      const answer = await client.receive("}");
      assert.match(answer, /^HTTP\/1\.1 400 /, host);
      assert.match(answer, /"code":"invalid_request"/, host);
    }
    for (const host of ["x", "x:80", "[::1]:80", "a.b_c-d", ""]) {
      using client = await RawClient.connect(port);
      await client.send(`GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      assert.match(await client.receive("}"), /^HTTP\/1\.1 200 /, host);
    }
  });
});

Deno.test("large bodies that are declared and do not come hold nothing", async () => {
  await withServer(async ({ port }, { budget }) => {
    using silent = await RawClient.connect(port);
    await silent.send(put(`${OCTETS}Content-Length: 1000000\r\nExpect: 100-continue`));
    // Sent when the reading begins.
    assert.match(await silent.receive("\r\n\r\n"), / 100 /);
    assert.equal(budget.usedBytes, 0);
  });
});

const LARGE = 1 << 24;
const isEmpty = (budget: MemoryBudget) =>
  waitFor(() => budget.usedBytes === 0, { deadlineMs: 5000, what: "an empty budget" });

function largeFixture(): RestFixture {
  return restFixture({ limits: { maxValueBytes: LARGE, maxBatchBytes: LARGE } });
}

Deno.test("a large answer is held until the client has it, or goes away", async () => {
  await withServer(async ({ port }, { put, budget, send }) => {
    await put("k", "x".repeat(LARGE));
    assert.equal((await send(KEY, { method: "HEAD" })).status, 200);
    assert.equal(budget.usedBytes, 0);
    const leaving = await RawClient.connect(port);
    await leaving.send(`GET ${KEY} HTTP/1.1\r\nHost: h\r\n\r\n`);
    await leaving.receive("\r\n\r\n");
    assert.equal(budget.usedBytes, LARGE);
    assert.equal((await send(KEY)).status, 200);
    assert.equal(budget.usedBytes, 2 * LARGE);
    leaving[Symbol.dispose]();
    await waitFor(() => budget.usedBytes === LARGE, { deadlineMs: 5000, what: "half the budget" });
    const url = `http://${HOST}:${port}${KEY}`;
    const answer = await fetch(url, { headers: { Accept: "application/octet-stream" } });
    assert.equal((await answer.bytes()).length, LARGE);
    await waitFor(() => budget.usedBytes === LARGE, { deadlineMs: 5000, what: "half the budget" });
  }, largeFixture());
});

Deno.test("a client that leaves before its large answer is made leaves nothing held", async () => {
  const started = Promise.withResolvers<void>();
  const store = Promise.withResolvers<StoreRead>();
  const fixture = largeFixture();
  const { service, budget, app } = fixture;
  await fixture.put("k", "x".repeat(LARGE));
  const get = service.get.bind(service);
  service.get = async (...args) => {
    started.resolve();
    await store.promise;
    return get(...args);
  };
  await withServer(async ({ port }) => {
    const client = await RawClient.connect(port);
    await client.send(`GET ${KEY} HTTP/1.1\r\nHost: h\r\n\r\n`);
    await started.promise;
    client[Symbol.dispose]();
    await new Promise((resolve) => setTimeout(resolve, 50));
    store.resolve({ entry: undefined, lease: undefined });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await isEmpty(budget);
    await app.idle();
  }, fixture);
});

Deno.test("a client that takes nothing more of a large answer is cut off", async () => {
  await withServer(async ({ port }, { put, budget, clock }) => {
    await put("k", "x".repeat(LARGE));
    using client = await RawClient.connect(port);
    await client.send(`GET ${KEY} HTTP/1.1\r\nHost: h\r\n\r\n`);
    await client.receive("\r\n\r\n");
    assert.equal(budget.usedBytes, LARGE);
    // The buffers between the two take some of it first.
    await waitFor(async () => {
      await clock.advance(REQUEST_TIMEOUT_MS);
      return budget.usedBytes === 0;
    }, { deadlineMs: 5000, what: "the cut" });
    const received = await client.receive().catch(() => "");
    assert.ok(received.length < LARGE);
  }, largeFixture());
});

Deno.test("a large answer beyond the budget is overloaded", async () => {
  const { put, send, budget } = restFixture({ budgetBytes: 150_000 });
  await put("a", "x".repeat(100_000));
  const first = await send("/api/v1/cache/ns/a");
  const body = JSON.stringify({ keys: ["a"] });
  const headers = { "Content-Type": "application/json" };
  for (
    const answer of [
      await send("/api/v1/cache/ns/a", { headers: { Accept: "application/octet-stream" } }),
      await send("/api/v1/cache/ns/batch/get", { method: "POST", headers, body }),
    ]
  ) {
    assert.equal(answer.status, 503);
    assert.equal((await answer.json()).code, "overloaded");
  }
  assert.equal((await first.json()).value.length, Math.ceil(100_000 / 3) * 4);
  assert.equal(budget.usedBytes, 0);
});

Deno.test("a refused body that never comes does not hold up a shutdown", async () => {
  await withServer(async (server) => {
    using client = await RawClient.connect(server.port);
    await client.send(put(`${OCTETS}Content-Length: 2000000000`));
    await client.receive("}");
    await server.shutdown();
  });
});

Deno.test("a shutdown waits until a slow client has its large answer", async () => {
  await withServer(async (server, { put }) => {
    await put("k", "x".repeat(LARGE));
    using client = await RawClient.connect(server.port);
    await client.send(
      `GET ${KEY} HTTP/1.1\r\nHost: h\r\nAccept: application/octet-stream\r\n\r\n`,
    );
    await client.receive("\r\n\r\n");
    let isDown = false;
    const shutdown = server.shutdown().then(() => void (isDown = true));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(isDown, false);
    assert.equal((await client.receive()).length, LARGE);
    await shutdown;
  }, largeFixture());
});

Deno.test("a shutdown closes idle connections and finishes what is in flight", async () => {
  const started = Promise.withResolvers<void>();
  const store = Promise.withResolvers<StoreRead>();
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
    store.resolve({ entry: undefined, lease: undefined });
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
