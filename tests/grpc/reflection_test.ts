import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import grpc, { status } from "@grpc/grpc-js";
import { startServer } from "./harness.ts";

/** What the reflection service answers to a request of raw bytes. */
async function reflect(address: string, request: Uint8Array, version = "v1"): Promise<string> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (bytes) => bytes,
    (bytes) => bytes,
  );
  call.end(Buffer.from(request));
  let text = "";
  try {
    for await (const answer of call) text += answer.toString("latin1");
  } finally {
    client.close();
  }
  return text;
}

const LIST = Uint8Array.of(0x3a, 1, 0x2a);
const BAD = Uint8Array.of(0xff, 0xff, 0xff);
/** As clients in Python ask. */
const LIST_NOTHING = Uint8Array.of(0x3a, 0);
const SYMBOL = "cache.v1.BatchSetRequest";
const DESCRIBE = Uint8Array.of(0x22, SYMBOL.length, ...new TextEncoder().encode(SYMBOL));

Deno.test("reflection lists the services and describes maps as clients in Go demand", async () => {
  await using server = await startServer({ reflection: true });
  for (const version of ["v1", "v1alpha"]) {
    for (const request of [LIST, LIST_NOTHING]) {
      const services = await reflect(server.address, request, version);
      assert.match(services, /cache\.v1\.CacheService/);
      assert.match(services, /grpc\.health\.v1\.Health/);
      assert.match(services, /grpc\.reflection\.v1\.ServerReflection/);
    }
  }
  const description = await reflect(server.address, DESCRIBE);
  assert.match(description, /ttl_seconds/);
  // Once as the field's type, once as the name of the message.
  assert.equal(description.match(/EntriesEntry/g)?.length, 2);
});

Deno.test("a reflection request that cannot be read is the caller's fault", async () => {
  await using server = await startServer({ reflection: true });
  await assert.rejects(reflect(server.address, BAD), {
    code: status.INVALID_ARGUMENT,
  });
});

Deno.test("a reflection call ends at its first bad request, whatever came before and comes after", async () => {
  await using server = await startServer({ reflection: true, requestTimeoutMs: 5_000 });
  const client = new grpc.Client(server.address, grpc.credentials.createInsecure());
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    (bytes) => bytes,
    (bytes) => bytes,
  );
  for (const request of [LIST, BAD, LIST, LIST, LIST]) call.write(Buffer.from(request));
  call.end();
  await assert.rejects(async () => {
    for await (const _ of call);
  }, { code: status.INVALID_ARGUMENT });
  client.close();
});

Deno.test("a reflection stream that stays open ends at the timeout, with its answers", async () => {
  await using server = await startServer({ reflection: true, requestTimeoutMs: 200 });
  const client = new grpc.Client(server.address, grpc.credentials.createInsecure());
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    (bytes) => bytes,
    (bytes) => bytes,
  );
  call.write(Buffer.from(LIST));
  let answers = 0;
  await assert.rejects(async () => {
    for await (const _ of call) answers++;
  }, { code: status.DEADLINE_EXCEEDED });
  assert.equal(answers, 1);
  client.close();
});

Deno.test("reflection is not served unless it is wanted", async () => {
  await using server = await startServer();
  await assert.rejects(reflect(server.address, LIST), { code: status.UNIMPLEMENTED });
});
