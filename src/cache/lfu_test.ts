import assert from "node:assert/strict";
import { LfuMap } from "./lfu.ts";

interface Fixture {
  readonly map: LfuMap<{ readonly name: string }>;
  readonly evicted: string[];
  /** Sets each key to a value of one byte. */
  set(...keys: readonly string[]): void;
  /** Gets the key so many times. */
  use(key: string, times: number): void;
}

function lfuMap(maxEntries: number, maxBytes = 1_000): Fixture {
  const evicted: string[] = [];
  const onEvict = (key: string): void => void evicted.push(key);
  const map = new LfuMap<{ readonly name: string }>({ maxEntries, maxBytes, onEvict });
  return {
    map,
    evicted,
    set: (...keys) => keys.forEach((key) => map.set(key, { name: key }, 1)),
    use: (key, times) => {
      for (let use = 0; use < times; use++) assert.equal(map.get(key)?.name, key);
    },
  };
}

Deno.test("the least frequently used entry leaves first, however recently it was used", () => {
  const { map, evicted, set, use } = lfuMap(3);
  set("a", "b", "c");
  use("a", 2);
  use("b", 1);
  map.peek("c");
  set("d");
  assert.deepEqual(evicted, ["c"]);
  set("e");
  assert.deepEqual(evicted, ["c", "d"]);
  assert.deepEqual([...map.keys()], ["e", "b", "a"]);
});

Deno.test("of entries used equally often the least recently used leaves first", () => {
  const { map, set, use } = lfuMap(4);
  set("a", "b", "c", "d");
  for (const key of ["c", "a", "d", "b"]) use(key, 1);
  assert.deepEqual([...map.keys()], ["c", "a", "d", "b"]);
});

Deno.test("a value that replaces another is a use and makes room by others only", () => {
  const { map, evicted, set } = lfuMap(3, 10);
  set("a", "b", "c");
  map.set("a", { name: "A" }, 9);
  assert.deepEqual(evicted, ["b"]);
  assert.deepEqual([[...map.keys()], map.bytes, map.peek("a")?.name], [["c", "a"], 10, "A"]);
});

Deno.test("an entry that grows stays even where it is the least used", () => {
  const { map, evicted, set, use } = lfuMap(2, 10);
  set("a", "b");
  use("b", 5);
  map.set("a", { name: "A" }, 10);
  assert.deepEqual([evicted, [...map.keys()], map.bytes], [["b"], ["a"], 10]);
});

Deno.test("an entry too large for all room removes its key's older value and no other", () => {
  const { map, evicted, set } = lfuMap(2, 10);
  set("a", "b");
  map.set("a", { name: "A" }, 11);
  map.set("c", { name: "C" }, 11);
  assert.deepEqual([[...map.keys()], map.bytes, evicted], [["b"], 1, []]);
});

Deno.test("every tenth use per entry of its limit halves all counts", () => {
  const { evicted, set, use } = lfuMap(2);
  set("old", "idle");
  use("old", 17);
  // 19 uses: old 18, idle 1. The next one halves to 9 and 1.
  use("idle", 1);
  set("new");
  assert.deepEqual(evicted, ["idle"]);
  use("new", 9);
  set("newest");
  assert.deepEqual(evicted, ["idle", "old"]);
});

Deno.test("entries that a halving puts level keep their order", () => {
  const { map, set, use } = lfuMap(3);
  set("a", "b", "c");
  use("c", 1);
  use("b", 2);
  // The 30th use: b had 3 and c 2, so both come down to 1, with a.
  use("a", 24);
  assert.deepEqual([...map.keys()], ["c", "b", "a"]);
  set("d");
  assert.deepEqual([...map.keys()], ["b", "d", "a"]);
});

Deno.test("a cleared map is empty and works on", () => {
  const { map, evicted, set, use } = lfuMap(2);
  set("a", "b");
  use("a", 3);
  map.clear();
  assert.deepEqual([map.size, map.bytes, [...map.keys()], map.get("a")], [0, 0, [], undefined]);
  set("c");
  assert.deepEqual([[...map.keys()], map.bytes, evicted], [["c"], 1, []]);
});
