import assert from "node:assert/strict";
import { CacheError } from "../../src/core/errors.ts";
import type { StoreWrite, WriteOutcome } from "../../src/core/store.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { createCopies, createLocal } from "../harness/locals.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A Cluster of which one node, that of the keys that begin with "away", cannot be reached. */
class HalfStore extends MemoryStore {
  override write(write: StoreWrite): Promise<WriteOutcome> {
    if (!write.key.startsWith("away")) return super.write(write);
    const error = new CacheError("circuit_open", "The node is away.");
    return Promise.resolve({ status: "failed", error, landsUntilMs: -Infinity });
  }
}

Deno.test("writes owed to one node do not wait for those owed to another", async () => {
  const clock = new FakeClock();
  const store = new HalfStore({ clock, maxBytes: 1e7, tombstoneTtlMs: 600_000 });
  const { copies } = createCopies({ clock });
  const { journal, recovery } = createLocal(store, {
    clock,
    copies,
    journalEntries: 10_000,
    journalBytes: 1e7,
  });
  const entry = {
    flags: 0,
    stamp: { ms: clock.wallMs(), counter: 0, writer: 1 },
    expiresAtMs: clock.wallMs() + 3_600_000,
    payload: Uint8Array.of(1),
  };
  const away = Array.from({ length: 1000 }, (_, i) => `away ${i}`);
  const there = Array.from({ length: 1000 }, (_, i) => `there ${i}`);
  for (const key of [...away, ...there]) journal.put([[key, entry]]);

  recovery.wake();
  await clock.advance(2000);
  assert.equal(journal.size, away.length);
  for (const key of there) assert.notEqual((await store.get(key)).entry, undefined);
});
