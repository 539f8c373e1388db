import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { BindError } from "../../src/core/bind_error.ts";
import { waitFor } from "../support/wait_for.ts";
import { failureOf, slowStore, startServer, TestClient } from "./harness.ts";

const REQUEST = { namespace: "n", key: "k" };
const IN_FLIGHT = 64;

Deno.test("a port in use is told with its address", async () => {
  await using server = await startServer();
  await assert.rejects(startServer({ port: server.port }), (error: Error) => {
    assert.ok(error instanceof Deno.errors.AddrInUse);
    assert.equal(error.message, `gRPC cannot listen on ${server.address}: it is in use.`);
    return true;
  });
});

Deno.test("an address that cannot be bound is a BindError that names it", () =>
  assert.rejects(startServer({ host: "192.0.2.1" }), (error: Error) => {
    assert.ok(error instanceof BindError);
    assert.match(error.message, /^gRPC cannot listen on 192\.0\.2\.1:0: /);
    return true;
  }));

Deno.test("IPv6 is served", async () => {
  await using server = await startServer({ host: "::1" });
  using client = new TestClient(`[::1]:${server.port}`);
  assert.equal((await client.call("Get", REQUEST)).message.found, false);
  server.drain();
  await waitFor(() => !client.connected(), { deadlineMs: 5_000, what: "the client to go" });
});

Deno.test("a drained server answers what is in flight while its clients go elsewhere", async () => {
  const slow = slowStore();
  await using old = await startServer({ store: slow.store });
  await using next = await startServer();
  using client = new TestClient(`ipv4:${old.address},${next.address}`);
  const calls = Array.from({ length: IN_FLIGHT }, () => client.call("Get", REQUEST));
  await waitFor(() => slow.calls() === IN_FLIGHT, { deadlineMs: 5_000, what: "all calls to come" });

  old.drain();
  await waitFor(() => !client.connected(), { deadlineMs: 5_000, what: "the client to go" });
  let down = false;
  const shutdown = old.shutdown().then(() => down = true);
  const later = Array.from({ length: IN_FLIGHT }, () => client.call("Get", REQUEST));
  await Promise.all(later);
  assert.equal(slow.calls(), IN_FLIGHT);
  assert.equal(down, false);

  slow.release();
  for (const { message } of await Promise.all(calls)) assert.equal(message.found, false);
  await shutdown;
});

Deno.test("a drained server still serves who comes", async () => {
  await using server = await startServer();
  using before = new TestClient(server.address);
  await before.call("Get", REQUEST);
  server.drain();
  await waitFor(() => !before.connected(), { deadlineMs: 5_000, what: "the client to go" });
  using after = new TestClient(server.address);
  for (const client of [before, after]) await client.call("Get", REQUEST);
});

Deno.test("a shutdown waits for the calls in flight and refuses new connections", async () => {
  const { store, called, release } = slowStore();
  const server = await startServer({ store });
  using client = new TestClient(server.address);
  const call = client.call("Get", REQUEST);
  await called;
  const shutdown = server.shutdown();
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: server.port }), {
    name: "ConnectionRefused",
  });
  release();
  assert.equal((await call).message.found, false);
  await shutdown;
});

Deno.test("an abort ends the calls in flight, and a shutdown that waits for them", async () => {
  const { store, called, release } = slowStore();
  const server = await startServer({ store });
  using client = new TestClient(server.address);
  const call = failureOf(client.call("Get", REQUEST));
  await called;
  const shutdown = server.shutdown();
  server.abort();
  assert.equal((await call).code, status.CANCELLED);
  await shutdown;
  await server.idle();
  release();
});
