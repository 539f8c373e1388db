import assert from "node:assert/strict";
import { findSerialOrder, type Model, type Recorded } from "./linearizability.ts";

type Operation = { write: number } | { read: number };

const register: Model<number, Operation> = (state, operation) => {
  if ("write" in operation) return { state: operation.write };
  return operation.read === state ? { state } : undefined;
};

function explain(history: readonly [Operation, number, number][]): Operation[] | undefined {
  const recorded: Recorded<Operation>[] = history.map(([operation, calledAt, returnedAt]) => ({
    operation,
    calledAt,
    returnedAt,
  }));
  return findSerialOrder(recorded, { initial: 0, model: register, nameState: String });
}

Deno.test("a read during a write may see the old or the new value", () => {
  for (const read of [0, 1]) {
    assert(explain([[{ write: 1 }, 0, 3], [{ read }, 1, 2]]) !== undefined);
  }
});

Deno.test("a read after a write must see it", () => {
  assert.equal(explain([[{ write: 1 }, 0, 1], [{ read: 0 }, 2, 3]]), undefined);
});

Deno.test("two reads must not see two writes in opposite orders", () => {
  const history: [Operation, number, number][] = [
    [{ write: 1 }, 0, 9],
    [{ write: 2 }, 1, 9],
    [{ read: 1 }, 2, 3],
    [{ read: 2 }, 4, 5],
    [{ read: 1 }, 6, 7],
  ];
  assert.equal(explain(history), undefined);
  assert(explain(history.slice(0, 4)) !== undefined);
});
