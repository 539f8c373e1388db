import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { checkStoreContract, CONTRACT_TOMBSTONE_TTL_MS } from "./store_contract.ts";

Deno.test("the memory store keeps the store contract", async (context) => {
  const clock = new FakeClock();
  const store = new MemoryStore({
    clock,
    maxBytes: 64 * 1024 * 1024,
    tombstoneTtlMs: CONTRACT_TOMBSTONE_TTL_MS,
  });
  await checkStoreContract(context, { store, monotonicMs: () => clock.monotonicMs() });
});

Deno.test("a stored value keeps nothing of the request that it was a part of", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, maxBytes: 1e6, tombstoneTtlMs: 600_000 });
  const request = Buffer.from(new ArrayBuffer(1 << 20));
  const stamp = { ms: 1, counter: 0, writer: 1 };
  const expiresAtMs = clock.wallMs() + 60_000;
  const entry = { flags: 0, stamp, expiresAtMs, payload: request.subarray(0, 10) };
  await store.write({ key: "n:k", entry, mode: "ordinary", deadlineMs: Infinity });
  assert.equal((await store.get("n:k")).entry?.payload.buffer.byteLength, 10);
});
