import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { gzipSync } from "node:zlib";
import { waitFor } from "../support/wait_for.ts";
import { slowStore, startServer, type TestServer } from "./harness.ts";

const GET_K = Uint8Array.of(0x0a, 1, 0x6b, 0x12, 1, 0x6e);

/** A client that sends what no library would. */
class RawClient implements AsyncDisposable {
  readonly #session: ClientHttp2Session;

  constructor(server: TestServer) {
    this.#session = connect(`http://${server.address}`);
  }

  request(method: string, headers: Readonly<Record<string, string>> = {}): ClientHttp2Stream {
    return this.#session.request({
      ":method": "POST",
      ":path": `/cache.v1.CacheService/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => this.#session.close(resolve));
  }
}

/** A message as it stands on the wire, which may announce more bytes than it has. */
function frame(message: Uint8Array, { announced = message.length, compressed = 0 } = {}): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed;
  head.writeUInt32BE(announced, 1);
  return Buffer.concat([head, message]);
}

/** What a stream was answered, once it is closed on both sides. */
async function answerTo(stream: ClientHttp2Stream): Promise<{
  readonly status: unknown;
  readonly code: unknown;
  readonly rstCode: number | undefined;
}> {
  let headers: IncomingHttpHeaders = {};
  stream.on("response", (received) => headers = { ...headers, ...received });
  stream.on("trailers", (received) => headers = { ...headers, ...received });
  stream.resume();
  await new Promise((resolve) => stream.once("close", resolve));
  return {
    status: headers["grpc-status"],
    code: headers["cache-error-code"],
    rstCode: stream.rstCode,
  };
}

const RESET = constants.NGHTTP2_NO_ERROR;
const LATE = { status: "4", code: "deadline_exceeded", rstCode: RESET };
const FAULTY = { status: "3", code: "invalid_request", rstCode: RESET };
const OVERLOADED = { status: "14", code: "overloaded", rstCode: RESET };

Deno.test("a request that does not end ends at the timeout, and gives back what it held", async () => {
  await using server = await startServer({ requestTimeoutMs: 200 });
  await using client = new RawClient(server);
  const nothing = client.request("Get");
  const half = client.request("Set");
  half.write(frame(new Uint8Array(10_000), { announced: 20_000 }));
  const whole = client.request("Get");
  whole.write(frame(GET_K));
  const answers = Promise.all([nothing, half, whole].map(answerTo));
  await waitFor(() => server.budget.usedBytes > 10_000, { deadlineMs: 5_000, what: "the bytes" });
  assert.deepEqual(await answers, [LATE, LATE, LATE]);
  assert.equal(server.budget.usedBytes, 0);
  const ended = client.request("Get");
  ended.end(frame(GET_K));
  assert.equal((await answerTo(ended)).status, "0");
});

Deno.test("the time that a request takes to come is taken from its handling", async () => {
  const { store, called, release } = slowStore();
  await using server = await startServer({ requestTimeoutMs: 600, store });
  await using client = new RawClient(server);
  const stream = client.request("Get");
  const startMs = performance.now();
  const answer = answerTo(stream);
  const half = frame(GET_K);
  stream.write(half.subarray(0, 7));
  await waitFor(() => performance.now() - startMs > 400, { deadlineMs: 5_000, what: "the time" });
  stream.end(half.subarray(7));
  await called;
  assert.equal((await answer).code, "deadline_exceeded");
  assert.ok(performance.now() - startMs < 900);
  release();
});

Deno.test("unfinished requests beyond the memory budget are refused", async () => {
  await using server = await startServer({ budgetBytes: 50_000 });
  await using client = new RawClient(server);
  const first = client.request("Set");
  first.write(frame(new Uint8Array(30_000), { announced: 40_000 }));
  await waitFor(() => server.budget.usedBytes > 30_000, { deadlineMs: 5_000, what: "the bytes" });
  const second = client.request("Set");
  second.write(frame(new Uint8Array(30_000), { announced: 40_000 }));
  assert.deepEqual(await answerTo(second), OVERLOADED);
  first.close(constants.NGHTTP2_CANCEL);
  await server.idle();
});

Deno.test("what an unfinished request holds once decompressed counts", async () => {
  await using server = await startServer({ budgetBytes: 50_000 });
  await using client = new RawClient(server);
  const bomb = client.request("Set", { "grpc-encoding": "gzip" });
  const value = Buffer.concat([Uint8Array.of(0x12, 0xf0, 0xea, 0x04), Buffer.alloc(79_216)]);
  bomb.write(frame(gzipSync(value), { compressed: 1 }));
  assert.deepEqual(await answerTo(bomb), OVERLOADED);
  assert.equal(server.budget.usedBytes, 0);
});

Deno.test("a cancelled request gives back what it held", async () => {
  await using server = await startServer();
  await using client = new RawClient(server);
  const stream = client.request("Set");
  stream.write(frame(new Uint8Array(10_000), { announced: 20_000 }));
  await waitFor(() => server.budget.usedBytes > 10_000, { deadlineMs: 5_000, what: "the bytes" });
  stream.close(constants.NGHTTP2_CANCEL);
  await server.idle();
});

Deno.test("a request that was refused before it ended is not served when it ends", async () => {
  let reads = 0;
  const verifier = {
    verify: () => {
      reads++;
      return { subject: "s", namespaces: new Set(["n"]), scopes: new Set<never>() };
    },
  };
  await using server = await startServer({ requestTimeoutMs: 100, verifier });
  await using client = new RawClient(server);
  const stream = client.request("Get");
  stream.write(frame(GET_K));
  stream.once("response", () => stream.end());
  assert.equal((await answerTo(stream)).status, "4");
  assert.equal(reads, 0);
});

Deno.test("a request of no, half a or two messages is invalid", async () => {
  await using server = await startServer();
  await using client = new RawClient(server);
  const bodies = [
    new Uint8Array(0),
    new Uint8Array(3),
    frame(GET_K, { announced: 100 }),
    Buffer.concat([frame(GET_K), frame(GET_K)]),
  ];
  for (const body of bodies) {
    const stream = client.request("Get");
    stream.end(body);
    assert.deepEqual(await answerTo(stream), FAULTY, `${body.length} bytes`);
  }
  const unknown = client.request("Nope");
  unknown.end(frame(GET_K));
  assert.equal((await answerTo(unknown)).status, "12");
});
