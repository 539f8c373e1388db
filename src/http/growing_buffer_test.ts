import assert from "node:assert/strict";
import fc from "fast-check";
import { propertyOptions } from "../../tests/support/seeded_random.ts";
import { GrowingBuffer } from "./growing_buffer.ts";

Deno.test("what comes in pieces is the whole, in a buffer of its length and of its own", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 30 }), (pieces) => {
      const buffer = new GrowingBuffer();
      const whole = pieces.flatMap((piece) => [...piece]);
      for (const piece of pieces) {
        buffer.add(piece);
        piece.fill(0);
      }
      const taken = buffer.take();
      assert.deepEqual([...taken], whole);
      assert.equal(taken.buffer.byteLength, whole.length);
    }),
    propertyOptions(),
  );
});
