import assert from "node:assert/strict";
import { MemoryBudget } from "../core/memory_budget.ts";
import { TimeoutQueue } from "../core/timeout_queue.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { type BodyOptions, withBody } from "./body.ts";

function setUp(budgetBytes = 100): {
  clock: FakeClock;
  budget: MemoryBudget;
  options: BodyOptions;
} {
  const clock = new FakeClock({ monotonicMs: 0 });
  const budget = new MemoryBudget(budgetBytes);
  const timeouts = new TimeoutQueue({ clock, timeoutMs: 1000 });
  const tooLarge = "value_too_large";
  return { clock, budget, options: { budget, timeouts, maxBytes: 10, tooLarge } };
}

function put(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://h/", { method: "PUT", body, headers });
}

/** A body that is sent chunk by chunk and never ends by itself. */
function openBody(): {
  stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  send: (length: number) => void;
  end: () => void;
  fail: () => void;
  cancelled: () => boolean;
} {
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (started) => void (controller = started),
    cancel: () => void (cancelled = true),
  });
  return {
    stream,
    send: (length) => controller.enqueue(new Uint8Array(length)),
    end: () => controller.close(),
    fail: () => controller.error(new Error("reset by peer")),
    cancelled: () => cancelled,
  };
}

const neverUsed = (): Promise<never> => assert.fail("a refused body was used");
const declared = (length: number) => ({ "Content-Length": `${length}` });

Deno.test("a body is held in the budget until its use ends", async () => {
  const { budget, options } = setUp();
  for (const request of [put("12345"), put("12345", declared(5))]) {
    const length = await withBody(request, (body) => {
      assert.equal(budget.usedBytes, 5);
      return Promise.resolve(body.length);
    }, options);
    assert.equal(length, 5);
    assert.equal(budget.usedBytes, 0);
  }
});

Deno.test("chunks are joined in their order", async () => {
  const { options } = setUp();
  const stream = ReadableStream.from([Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4, 5)]);
  const body = await withBody(put(stream), (body) => Promise.resolve(body), options);
  assert.deepEqual(body, Uint8Array.of(1, 2, 3, 4, 5));
});

Deno.test("a request without a body has an empty one", async () => {
  const { options } = setUp();
  const request = new Request("http://h/", { method: "PUT" });
  assert.equal(await withBody(request, (body) => Promise.resolve(body.length), options), 0);
});

Deno.test("a body of another length than it declares is refused", async () => {
  const { budget, options } = setUp();
  for (const length of [0, 4, 6]) {
    const refused = withBody(put("12345", declared(length)), neverUsed, options);
    await assert.rejects(refused, { code: "invalid_request" });
    assert.equal(budget.usedBytes, 0);
  }
});

Deno.test("a failing use gives the budget back", async () => {
  const { budget, options } = setUp();
  const use = () => Promise.reject(new Error("use failed"));
  await assert.rejects(withBody(put("12345"), use, options), /use failed/);
  assert.equal(budget.usedBytes, 0);
});

Deno.test("a declared length over the limit is refused before a byte is read", async () => {
  const { budget, options } = setUp();
  const open = openBody();
  const refused = withBody(put(open.stream, declared(11)), neverUsed, options);
  await assert.rejects(refused, { code: "value_too_large", headers: { Connection: "close" } });
  assert.equal(open.stream.locked, false);
  assert.equal(budget.usedBytes, 0);
});

Deno.test("a body without a length is refused where it passes the limit", async () => {
  const { budget, options } = setUp();
  const open = openBody();
  const refused = withBody(put(open.stream), neverUsed, options);
  open.send(10);
  open.send(1);
  await assert.rejects(refused, { code: "value_too_large", headers: { Connection: "close" } });
  assert.equal(open.cancelled(), true);
  assert.equal(budget.usedBytes, 0);
});

Deno.test("a body of exactly the limit passes", async () => {
  const { options } = setUp();
  for (const headers of [{}, declared(10)]) {
    const request = put("0123456789", headers);
    assert.equal(await withBody(request, (body) => Promise.resolve(body.length), options), 10);
  }
});

Deno.test("a spent budget is overloaded, with a time to retry", async () => {
  const { budget, options } = setUp(4);
  for (const headers of [{}, declared(5)]) {
    const refused = withBody(put("12345", headers), neverUsed, options);
    await assert.rejects(refused, {
      code: "overloaded",
      headers: { "Connection": "close", "Retry-After": "1" },
    });
    assert.equal(budget.usedBytes, 0);
  }
});

Deno.test("a body that does not arrive by the deadline is a timeout", async () => {
  for (const headers of [{}, declared(8)]) {
    const { budget, clock, options } = setUp();
    const open = openBody();
    const refused = withBody(put(open.stream, headers), neverUsed, options);
    const rejected = assert.rejects(refused, {
      code: "request_timeout",
      headers: { Connection: "close" },
    });
    open.send(4);
    await clock.advance(999);
    open.send(3);
    await clock.advance(1);
    await rejected;
    assert.equal(budget.usedBytes, 0);
  }
});

Deno.test("a client that goes away midway leaves nothing held", async () => {
  for (const headers of [{}, declared(8)]) {
    const { budget, clock, options } = setUp();
    const open = openBody();
    const refused = withBody(put(open.stream, headers), neverUsed, options);
    const rejected = assert.rejects(refused, { code: "invalid_request" });
    open.send(4);
    await clock.advance(1);
    open.fail();
    await rejected;
    assert.equal(budget.usedBytes, 0);
  }
});

Deno.test("a large body is reserved as it arrives, not as it is declared", async () => {
  const { budget, clock, options } = setUp(100_000);
  const open = openBody();
  const length = withBody(
    put(open.stream, declared(90_000)),
    (body) => Promise.resolve(body.length),
    { ...options, maxBytes: 200_000 },
  );
  open.send(10);
  await clock.advance(1);
  assert.equal(budget.usedBytes, 10);
  open.send(89_990);
  open.end();
  assert.equal(await length, 90_000);
  assert.equal(budget.usedBytes, 0);
});

Deno.test("a large body that ends early is refused", async () => {
  const { budget, options } = setUp(100_000);
  const refused = withBody(put("12345", declared(90_000)), neverUsed, {
    ...options,
    maxBytes: 200_000,
  });
  await assert.rejects(refused, { code: "invalid_request" });
  assert.equal(budget.usedBytes, 0);
});
