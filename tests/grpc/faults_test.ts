import assert from "node:assert/strict";
import { compressionAlgorithms, status } from "@grpc/grpc-js";
import { CacheError } from "../../src/core/errors.ts";
import type { StoreWrite, WriteOutcome } from "../../src/core/store.ts";
import { codeOf, failureOf, slowStore, startServer, TestClient, withServer } from "./harness.ts";

const N = { namespace: "n" };

/** A field of a message, as bytes on the wire. */
function field(id: number, content: readonly number[]): number[] {
  return [(id << 3) | 2, content.length, ...content];
}

Deno.test("what is wrong with a request is told by status, code and text", () =>
  withServer(async ({ client }) => {
    const cases: readonly (readonly [string, object, string])[] = [
      ["Get", { ...N, key: "" }, "invalid_key"],
      ["Get", { ...N, key: "k".repeat(513) }, "invalid_key"],
      ["Delete", { ...N, key: "é".repeat(257) }, "invalid_key"],
      ["BatchGet", { ...N, keys: ["k", ""] }, "invalid_key"],
      ["Get", { key: "k" }, "invalid_namespace"],
      ["Get", { key: "k", namespace: "a:b" }, "invalid_namespace"],
      ["Set", { ...N, key: "k", ttl_seconds: -1 }, "invalid_ttl"],
      ["Set", { ...N, key: "k", ttl_seconds: 2_592_001 }, "invalid_ttl"],
      ["Set", { ...N, key: "k", ttl_seconds: 2 ** 53 + 2 }, "invalid_ttl"],
      ["BatchSet", { ...N, entries: { k: new Uint8Array(1) }, ttl_seconds: -5 }, "invalid_ttl"],
    ];
    for (const [method, request, code] of cases) {
      const error = await failureOf(client.call(method, request));
      assert.equal(error.code, status.INVALID_ARGUMENT, `${method}: ${error.message}`);
      assert.equal(codeOf(error), code, error.message);
    }
    const error = await failureOf(client.call("Set", { ...N, key: "k", ttl_seconds: -1 }));
    assert.equal(
      error.details,
      "A TTL is a whole number of seconds from 1 to 2592000, or 0 for the default; -1 was received.",
    );
  }));

Deno.test("ill-formed UTF-8 is refused wherever it stands", () =>
  withServer(async ({ client, server }) => {
    const [bad, n] = [[0x6b, 0xff], [0x6e]];
    const cases: readonly (readonly [string, number[], string])[] = [
      ["Get", [...field(1, bad), ...field(2, n)], "invalid_key"],
      ["Get", [...field(1, n), ...field(2, bad)], "invalid_namespace"],
      ["Set", [...field(1, bad), ...field(4, n)], "invalid_key"],
      ["BatchGet", [...field(1, bad), ...field(2, n)], "invalid_key"],
      ["BatchSet", [...field(1, field(1, bad)), ...field(3, n)], "invalid_key"],
    ];
    for (const [method, bytes, code] of cases) {
      const error = await failureOf(client.call(method, Uint8Array.from(bytes)));
      assert.equal(error.code, status.INVALID_ARGUMENT, method);
      assert.equal(codeOf(error), code, method);
    }
    assert.deepEqual(server.logged, []);
  }));

Deno.test("bytes that are no message are an invalid request", () =>
  withServer(async ({ client }) => {
    for (const service of ["cache.v1.CacheService", "grpc.health.v1.Health"]) {
      const method = service.endsWith("Health") ? "Check" : "Get";
      const error = await failureOf(client.call(method, Uint8Array.of(0x0a, 9), { service }));
      assert.equal(error.code, status.INVALID_ARGUMENT);
      assert.equal(codeOf(error), "invalid_request");
    }
  }));

Deno.test("what is too large is told as such, also beyond the limit of a message", () =>
  withServer(async ({ client }) => {
    const value = new Uint8Array(1024 * 1024 + 1);
    const huge = new Uint8Array(9 * 1024 * 1024);
    const cases: readonly (readonly [string, object, string])[] = [
      ["Set", { ...N, key: "k", value }, "value_too_large"],
      ["Set", { ...N, key: "k", value: huge }, "value_too_large"],
      ["BatchSet", { ...N, entries: { k: value } }, "value_too_large"],
      ["BatchSet", { ...N, entries: { k: huge } }, "batch_too_large"],
      [
        "BatchGet",
        { ...N, keys: Array.from({ length: 1001 }, (_, i) => `${i}`) },
        "batch_too_large",
      ],
    ];
    for (const [method, request, code] of cases) {
      const options = { metadata: { "x-correlation-id": "big" } };
      const error = await failureOf(client.call(method, request, options));
      assert.equal(error.code, status.RESOURCE_EXHAUSTED, error.message);
      assert.equal(codeOf(error), code, error.message);
      assert.deepEqual(error.metadata.get("x-correlation-id"), ["big"]);
    }
    assert.equal((await client.call("Get", { ...N, key: "k" })).message.found, false);
  }));

Deno.test("a small request that decompresses to a huge one is too large", async () => {
  await using server = await startServer();
  using client = new TestClient(server.address, {
    "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
  });
  const value = new Uint8Array(20 * 1024 * 1024);
  const error = await failureOf(client.call("Set", { ...N, key: "k", value }));
  assert.equal(error.code, status.RESOURCE_EXHAUSTED);
  assert.equal(codeOf(error), "value_too_large");
  await client.call("Set", { ...N, key: "k", value: new Uint8Array(1000) });
});

Deno.test("the largest batch of the longest keys is within the limit of a message", () =>
  withServer(async ({ client }) => {
    const value = new Uint8Array(8 * 1024);
    const entries = Object.fromEntries(
      Array.from({ length: 1000 }, (_, i) => [`${i}`.padEnd(512, "k"), value]),
    );
    const { message } = await client.call("BatchSet", { ...N, entries });
    assert.equal(message.stored_count, 1000);
  }));

Deno.test("a correlation id comes back with answers and with failures", () =>
  withServer(async ({ client }) => {
    const metadata = { "x-correlation-id": "c-1" };
    const { headers } = await client.call("Get", { ...N, key: "k" }, { metadata });
    assert.deepEqual(headers.get("x-correlation-id"), ["c-1"]);
    const error = await failureOf(client.call("Get", { ...N, key: "" }, { metadata }));
    assert.deepEqual(error.metadata.get("x-correlation-id"), ["c-1"]);
  }));

Deno.test("a correlation id that is missing or too long is replaced", () =>
  withServer(async ({ client }) => {
    for (const metadata of [{}, { "x-correlation-id": "x".repeat(129) }]) {
      const { headers } = await client.call("Get", { ...N, key: "k" }, { metadata });
      assert.match(String(headers.get("x-correlation-id")[0]), /^[0-9a-f-]{36}$/);
    }
  }));

Deno.test("a missing token is unauthenticated and a foreign namespace denied", () =>
  withServer(async ({ client }) => {
    const key = { ...N, key: "k" };
    const anonymous = await failureOf(client.call("Get", key));
    assert.equal(anonymous.code, status.UNAUTHENTICATED);
    assert.equal(codeOf(anonymous), "unauthorized");
    const metadata = { authorization: "Bearer t" };
    assert.equal((await client.call("Get", key, { metadata })).message.found, false);
    const foreign = await failureOf(client.call("Get", { ...key, namespace: "m" }, { metadata }));
    assert.equal(foreign.code, status.PERMISSION_DENIED);
    assert.equal(codeOf(foreign), "forbidden");
  }, {
    verifier: {
      verify: (authorization) => {
        if (authorization !== "Bearer t") throw new CacheError("unauthorized", "No token.");
        return { subject: "s", namespaces: new Set(["n"]), scopes: new Set(["cache:read"]) };
      },
    },
  }));

Deno.test("an unexpected failure is logged and tells nothing of the inside", () =>
  withServer(async ({ client, server }) => {
    const error = await failureOf(client.call("Get", { ...N, key: "k" }));
    assert.equal(error.code, status.INTERNAL);
    assert.equal(codeOf(error), "internal");
    assert.equal(error.details, "The request failed inside the service.");
    assert.equal(server.logged.length, 1);
  }, {
    verifier: {
      verify: () => {
        throw new TypeError("connect 10.0.0.7");
      },
    },
  }));

Deno.test("a call stops waiting for the store at its deadline, the caller's or the service's", async () => {
  const { store, calls, release } = slowStore();
  await using server = await startServer({ store, requestTimeoutMs: 100 });
  using client = new TestClient(server.address);
  const request = { ...N, key: "k" };
  for (const options of [{ deadlineMs: 50 }, {}]) {
    const startMs = performance.now();
    const error = await failureOf(client.call("Get", request, options));
    assert.equal(error.code, status.DEADLINE_EXCEEDED);
    assert.ok(performance.now() - startMs < 2_000);
    if (options.deadlineMs === undefined) assert.equal(codeOf(error), "deadline_exceeded");
  }
  assert.equal(calls(), 2);
  assert.equal(server.budget.usedBytes, 0);
  release();
});

Deno.test("a write knows its caller's deadline", async () => {
  const { store } = slowStore();
  const deadlines: number[] = [];
  const watched = {
    ...store,
    write: (write: StoreWrite): Promise<WriteOutcome> => {
      deadlines.push(write.deadlineMs - performance.now());
      return store.write(write);
    },
  };
  await using server = await startServer({ store: watched });
  using client = new TestClient(server.address);
  await client.call("Set", { ...N, key: "k" }, { deadlineMs: 2_000 });
  await client.call("Set", { ...N, key: "k" });
  const [short = NaN, long = NaN] = deadlines;
  assert.ok(short > 0 && short <= 2_000, `${short}`);
  assert.ok(long > 2_000 && long <= 10_000, `${long}`);
});

Deno.test("a cancelled call gives back its memory at once, and the server goes on", async () => {
  const { store, called, release } = slowStore();
  await using server = await startServer({ store });
  using client = new TestClient(server.address);
  const request = { ...N, key: "k" };
  let cancel = (): void => {};
  const call = client.call("Get", request, { started: (sent) => cancel = () => sent.cancel() });
  await called;
  assert.ok(server.budget.usedBytes > 0);
  cancel();
  assert.equal((await failureOf(call)).code, status.CANCELLED);
  await server.idle();
  release();
  assert.equal((await client.call("Get", request)).message.found, false);
});

Deno.test("a request beyond the memory budget is refused, and others are served", () =>
  withServer(async ({ client, server }) => {
    const error = await failureOf(
      client.call("Set", { ...N, key: "k", value: new Uint8Array(200) }),
    );
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(codeOf(error), "overloaded");
    await client.call("Set", { ...N, key: "k", value: new Uint8Array(10) });
    assert.equal(server.budget.usedBytes, 0);
  }, { budgetBytes: 100 }));
