import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { CacheError } from "../../src/core/errors.ts";
import { Lifecycle, type Phase } from "../../src/core/lifecycle.ts";
import { waitFor } from "../support/wait_for.ts";
import { failureOf, startServer, TestClient, withServer } from "./harness.ts";

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;
const service = "grpc.health.v1.Health";

Deno.test("a check answers for the process and its service, without a token", () =>
  withServer(async ({ client, server }) => {
    for (const name of ["", "cache.v1.CacheService"]) {
      const { message } = await client.call("Check", { service: name }, { service });
      assert.equal(message.status, SERVING);
    }
    server.lifecycle.enter("draining");
    assert.equal((await client.call("Check", {}, { service })).message.status, NOT_SERVING);
  }, {
    verifier: {
      verify: () => {
        throw new CacheError("unauthorized", "No token.");
      },
    },
  }));

Deno.test("a check of an unknown service finds nothing", () =>
  withServer(async ({ client }) => {
    const error = await failureOf(client.call("Check", { service: "cache.v2" }, { service }));
    assert.equal(error.code, status.NOT_FOUND);
    assert.notEqual(error.metadata.get("x-correlation-id").length, 0);
  }));

Deno.test("a watch hears of the draining and ends with the server", async () => {
  const server = await startServer();
  using client = new TestClient(server.address);
  const seen: unknown[] = [];
  let shutdown: Promise<void> | undefined;
  for await (const { status } of client.watch("cache.v1.CacheService")) {
    seen.push(status);
    if (status === SERVING) {
      server.lifecycle.enter("draining");
      server.drain();
    } else shutdown = server.shutdown();
  }
  await shutdown;
  assert.deepEqual(seen, [SERVING, NOT_SERVING]);
});

class CountingLifecycle extends Lifecycle {
  listeners = 0;

  override onChange(listener: (phase: Phase) => void): () => void {
    const stop = super.onChange(listener);
    this.listeners++;
    return () => {
      this.listeners--;
      stop();
    };
  }
}

Deno.test("a cancelled watch is forgotten", async () => {
  const lifecycle = new CountingLifecycle();
  await using server = await startServer({ lifecycle });
  using client = new TestClient(server.address);
  const watch = client.watch("");
  await assert.rejects(async () => {
    for await (const _ of watch) {
      assert.equal(lifecycle.listeners, 1);
      watch.cancel();
    }
  }, { code: status.CANCELLED });
  const forgotten = (): boolean => lifecycle.listeners === 0;
  await waitFor(forgotten, { deadlineMs: 5_000, what: "the watcher to be forgotten" });
});

Deno.test("a watch of an unknown service stays open until it is cancelled", () =>
  withServer(async ({ client, server }) => {
    const watch = client.watch("cache.v2");
    const seen: unknown[] = [];
    await assert.rejects(async () => {
      for await (const { status } of watch) {
        seen.push(status);
        server.lifecycle.enter("draining");
        assert.equal((await client.call("Check", {}, { service })).message.status, NOT_SERVING);
        watch.cancel();
      }
    }, { code: status.CANCELLED });
    assert.deepEqual(seen, [SERVICE_UNKNOWN]);
  }));
