// Requirements 4.3, 9.5: what a hostile client sends does not stay in the memory of the process.
import assert from "node:assert/strict";
import { memorySettings, ServiceProcess } from "../e2e/service_process.ts";
import { RawClient } from "../rest/raw_client.ts";
import { serverTest } from "../support/backends.ts";
import {
  callHeaders,
  CODE,
  concat,
  FLAG,
  FRAME,
  frame,
  NEWEST_ENTRY,
  storedField,
} from "../support/h2_client.ts";
import { residentBytes } from "../support/resident_bytes.ts";
import { flood } from "./h2_flood.ts";

const MEBIBYTE = 1 << 20;

/** What `attack` adds to the memory of a process of its own, which serves others afterwards. */
async function growthUnder(attack: (service: ServiceProcess) => Promise<void>): Promise<number> {
  await using service = await ServiceProcess.start(memorySettings());
  const beforeBytes = residentBytes(service.pid);
  await attack(service);
  const grownBytes = residentBytes(service.pid) - beforeBytes;
  assert.equal(await service.readyStatus(), 200);
  return grownBytes;
}

serverTest({
  name: "megabytes of headers, or of paths, are not held",
  needs: [],
  async fn(): Promise<void> {
    const filler = "a".repeat(MEBIBYTE);
    const heads = [
      `GET /live HTTP/1.1\r\nHost: h\r\nX-Filler: ${filler}\r\n\r\n`,
      `GET /live HTTP/1.1\r\nHost: h\r\n${"X: 1\r\n".repeat(MEBIBYTE / 6)}\r\n`,
      `GET /api/v1/cache/n/${filler} HTTP/1.1\r\nHost: h\r\n\r\n`,
    ].map((head) => new TextEncoder().encode(head));
    const grownBytes = await growthUnder(async ({ httpPort }) => {
      for (let round = 0; round < 30; round++) {
        await Promise.all(heads.map(async (head) => {
          using client = await RawClient.connect(httpPort);
          // Either ends when the server closes the connection.
          await client.send(head).catch(() => {});
          await client.receive().catch(() => {});
        }));
      }
    });
    assert.ok(grownBytes < 64 * MEBIBYTE, `${grownBytes} bytes`);
  },
});

serverTest({
  name: "small frames that refer to large headers take no memory",
  needs: [],
  async fn(): Promise<void> {
    const get = callHeaders("/cache.v1.CacheService/Get");
    const stored = concat([get, storedField("x", "v".repeat(3_900))]);
    const referring = concat([get, new Uint8Array(130).fill(NEWEST_ENTRY)]);
    const call = (index: number): Uint8Array =>
      frame(FRAME.headers, {
        streamId: 2 * index + 1,
        flags: FLAG.endHeaders,
        payload: index === 0 ? stored : referring,
      });
    const grownBytes = await growthUnder(async ({ grpcPort }) => {
      for (let connection = 0; connection < 5; connection++) {
        const goAways = await flood(
          grpcPort,
          (round) => concat(Array.from({ length: 300 }, (_, index) => call(round * 300 + index))),
        );
        // None where the client sees that its connection is reset before it has read what came.
        assert.ok(goAways.every((code) => code === CODE.enhanceYourCalm), `${goAways}`);
      }
    });
    // Half a megabyte for each frame without the limit.
    assert.ok(grownBytes < 200 * MEBIBYTE, `${grownBytes} bytes`);
  },
});
