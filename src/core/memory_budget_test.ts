import assert from "node:assert/strict";
import { MemoryBudget } from "./memory_budget.ts";

Deno.test("a reservation is made whole or not at all", () => {
  const budget = new MemoryBudget(10);
  assert.equal(budget.tryReserve(6), true);
  assert.equal(budget.tryReserve(5), false);
  assert.equal(budget.usedBytes, 6);
  assert.equal(budget.tryReserve(4), true);
  budget.release(6);
  assert.equal(budget.usedBytes, 4);
});
