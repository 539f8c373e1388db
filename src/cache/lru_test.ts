import assert from "node:assert/strict";
import { LruMap } from "./lru.ts";

interface Fixture {
  readonly map: LruMap<{ readonly name: string }>;
  readonly evicted: string[];
}

function lruMap(limits: { readonly maxEntries: number; readonly maxBytes: number }): Fixture {
  const evicted: string[] = [];
  const map = new LruMap<{ readonly name: string }>({
    ...limits,
    onEvict: (key, value) => evicted.push(`${key}=${value.name}`),
  });
  return { map, evicted };
}

Deno.test("the least recently used entry leaves first; a peek is no use", () => {
  const { map, evicted } = lruMap({ maxEntries: 2, maxBytes: 100 });
  map.set("a", { name: "A" }, 1);
  map.set("b", { name: "B" }, 1);
  map.get("a");
  map.peek("b");
  map.set("c", { name: "C" }, 1);
  assert.deepEqual([...map.keys()], ["a", "c"]);
  assert.deepEqual(evicted, ["b=B"]);
});

Deno.test("a value that is set again counts with its new size", () => {
  const { map } = lruMap({ maxEntries: 2, maxBytes: 100 });
  const value = { name: "A" };
  map.set("a", value, 10);
  map.set("a", value, 30);
  assert.deepEqual([map.size, map.bytes], [1, 30]);
});

Deno.test("an entry too large for all room removes its key's older value and no other", () => {
  const { map, evicted } = lruMap({ maxEntries: 1, maxBytes: 10 });
  map.set("a", { name: "A" }, 10);
  map.set("b", { name: "B" }, 11);
  assert.deepEqual([...map.keys()], ["a"]);
  map.set("a", { name: "A2" }, 11);
  assert.deepEqual([map.size, map.bytes, map.peek("a")], [0, 0, undefined]);
  assert.deepEqual(evicted, []);
});

Deno.test("the last entry can be deleted, and others set after it", () => {
  const { map, evicted } = lruMap({ maxEntries: 2, maxBytes: 10 });
  map.set("a", { name: "A" }, 10);
  assert.equal(map.delete("b"), false);
  assert.equal(map.delete("a"), true);
  assert.equal(map.delete("a"), false);
  map.set("c", { name: "C" }, 10);
  assert.deepEqual([[...map.keys()], map.bytes, evicted], [["c"], 10, []]);
});
