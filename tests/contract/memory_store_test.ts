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
