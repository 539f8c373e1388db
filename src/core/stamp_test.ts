import assert from "node:assert/strict";
import fc from "fast-check";
import { propertyOptions } from "../../tests/support/seeded_random.ts";
import { MAX_STAMP_LEAD_MS } from "./limits.ts";
import {
  compareStamps,
  formatStamp,
  HybridClock,
  RAISED_WRITER_BIT,
  raiseStamp,
  type Stamp,
} from "./stamp.ts";

const anyStamp: fc.Arbitrary<Stamp> = fc.record({
  ms: fc.nat(2 ** 31 - 1),
  counter: fc.nat(0xffff),
  writer: fc.nat(0xffff_ffff),
});

Deno.test("stamps order by ms, then counter, then writer", () => {
  const rising: Stamp[] = [
    { ms: 1, counter: 0, writer: 0xffff_ffff },
    { ms: 1, counter: 1, writer: 0 },
    { ms: 1, counter: 1, writer: 0x8000_0000 },
    { ms: 1, counter: 0x100, writer: 0 },
    { ms: 2, counter: 0, writer: 0 },
  ];
  for (const [i, a] of rising.entries()) {
    for (const [j, b] of rising.entries()) {
      assert.equal(Math.sign(compareStamps(a, b)), Math.sign(i - j));
    }
  }
});

Deno.test("a raised stamp is above the stored one and never one that a process issues", () => {
  fc.assert(
    fc.property(anyStamp, fc.nat(0xffff_ffff), (stored, writer) => {
      const raised = raiseStamp(stored, writer);
      assert(compareStamps(raised, stored) > 0);
      assert(raised.counter <= 0xffff);
      assert(raised.writer >= RAISED_WRITER_BIT);
    }),
    propertyOptions(),
  );
});

Deno.test("a version is 24 hexadecimal digits in the order of stamps", () => {
  assert.equal(
    formatStamp({ ms: 0x0194_2345_6789, counter: 0xa, writer: 0x7 }),
    "019423456789000a00000007",
  );
  fc.assert(
    fc.property(anyStamp, anyStamp, (a, b) => {
      const [left, right] = [formatStamp(a), formatStamp(b)];
      assert.match(left, /^[0-9a-f]{24}$/);
      assert.equal(left < right, compareStamps(a, b) < 0);
    }),
    propertyOptions(),
  );
});

Deno.test("the hybrid clock rises whatever the time does and whatever it reads", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("time" as const), by: fc.integer({ min: -5000, max: 5000 }) }),
    fc.record({ kind: fc.constant("read" as const), lead: fc.integer({ min: -10, max: 60_000 }) }),
    fc.record({ kind: fc.constant("issue" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      let nowMs = 1_000_000;
      const clock = new HybridClock({ nowMs: () => nowMs, writer: 0xffff_ffff });
      let highest: Stamp = { ms: 0, counter: 0, writer: 0 };
      for (const s of steps) {
        if (s.kind === "time") nowMs += s.by;
        else if (s.kind === "read") {
          const seen = { ms: nowMs + s.lead, counter: 9, writer: 0xffff_ffff };
          clock.observe(seen);
          if (compareStamps(seen, highest) > 0) highest = seen;
        } else {
          const issued = clock.next();
          assert(compareStamps(issued, highest) > 0);
          assert(issued.writer < RAISED_WRITER_BIT);
          highest = issued;
        }
      }
    }),
    propertyOptions({ numRuns: 500 }),
  );
});

Deno.test("a full counter carries into the milliseconds", () => {
  const clock = new HybridClock({ nowMs: () => 10, writer: 1 });
  clock.observe({ ms: 10, counter: 0xffff, writer: 1 });
  assert.deepEqual(clock.next(), { ms: 11, counter: 0, writer: 1 });
});

Deno.test("a stamp more than a minute ahead does not carry the clock along", () => {
  const clock = new HybridClock({ nowMs: () => 1000, writer: 1 });
  clock.observe({ ms: 1000 + MAX_STAMP_LEAD_MS + 1, counter: 0, writer: 1 });
  assert.equal(clock.next().ms, 1000);
  clock.observe({ ms: 1000 + MAX_STAMP_LEAD_MS, counter: 0, writer: 1 });
  assert.equal(clock.next().ms, 1000 + MAX_STAMP_LEAD_MS);
});
