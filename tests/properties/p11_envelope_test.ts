// Property 11, requirements 5.3, 5.4: open(seal(x)) = x, and anything altered opens to nothing.
import assert from "node:assert/strict";
import fc from "fast-check";
import { FLAG_ENCRYPTED } from "../../src/core/entry.ts";
import type { SealContext } from "../../src/core/envelope.ts";
import type { AesGcmEnvelope } from "../../src/crypto/aes_gcm_envelope.ts";
import { createEnvelope } from "../harness/envelopes.ts";
import { keys, namespaces, values } from "../harness/entries.ts";
import { propertyOptions } from "../support/seeded_random.ts";

const keyBytes = fc.integer({ min: 0, max: 255 });
const contexts: fc.Arbitrary<SealContext> = fc.record({
  namespace: namespaces,
  key: keys,
  flags: fc.constant(FLAG_ENCRYPTED),
  expiresAtMs: fc.maxSafeNat(),
});

function refused(
  envelope: AesGcmEnvelope,
  payload: Uint8Array<ArrayBuffer>,
  context: SealContext,
): Promise<void> {
  return assert.rejects(envelope.open(payload, context), { code: "decryption_failed" });
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  return copy;
}

Deno.test("what was sealed opens, under the same ring and under one with newer keys", async () => {
  await fc.assert(
    fc.asyncProperty(keyBytes, contexts, values, async (keyByte, context, value) => {
      const { envelope } = await createEnvelope([keyByte]);
      const payload = await envelope.seal(value, context);
      assert.deepEqual(await envelope.open(payload, context), value);
      const rotated = await createEnvelope([keyByte ^ 1, keyByte]);
      assert.deepEqual(await rotated.envelope.open(payload, context), value);
    }),
    propertyOptions({ numRuns: 200 }),
  );
});

Deno.test("a payload of which any bit is flipped, or any end is missing, does not open", async () => {
  const { envelope } = await createEnvelope([1, 2]);
  const small = fc.uint8Array({ maxLength: 8 }).map((bytes) => new Uint8Array(bytes));
  await fc.assert(
    fc.asyncProperty(contexts, small, async (context, value) => {
      const payload = await envelope.seal(value, context);
      for (let bit = 0; bit < 8 * payload.length; bit++) {
        await refused(envelope, flipped(payload, bit), context);
      }
      for (let length = 0; length < payload.length; length++) {
        await refused(envelope, payload.slice(0, length), context);
      }
    }),
    propertyOptions(),
  );
});

Deno.test("a payload does not open for other flags or another expiry, by whatever bit", async () => {
  const { envelope } = await createEnvelope([1]);
  const bits = fc.record({ flags: fc.nat(7), expiry: fc.nat(52) });
  await fc.assert(
    fc.asyncProperty(contexts, values, bits, async (context, value, { flags, expiry }) => {
      const payload = await envelope.seal(value, context);
      await refused(envelope, payload, { ...context, flags: context.flags ^ (1 << flags) });
      const bit = 2 ** expiry;
      const isSet = Math.floor(context.expiresAtMs / bit) % 2 === 1;
      const expiresAtMs = context.expiresAtMs + (isSet ? -bit : bit);
      await refused(envelope, payload, { ...context, expiresAtMs });
    }),
    propertyOptions({ numRuns: 300 }),
  );
});

Deno.test("a payload does not open for another key or namespace, nor without its key", async () => {
  const { envelope } = await createEnvelope([1]);
  const other = await createEnvelope([2, 3]);
  await fc.assert(
    fc.asyncProperty(contexts, contexts, values, async (context, { key, namespace }, value) => {
      const payload = await envelope.seal(value, context);
      if (key !== context.key) await refused(envelope, payload, { ...context, key });
      if (namespace !== context.namespace) {
        await refused(envelope, payload, { ...context, namespace });
      }
      const { key: ownKey, namespace: own } = context;
      const moved = { ...context, namespace: own.slice(0, -1), key: own.slice(-1) + ownKey };
      await refused(envelope, payload, moved);
      await refused(other.envelope, payload, context);
    }),
    propertyOptions({ numRuns: 300 }),
  );
});

Deno.test("under another key of the ring a payload does not open, whatever id it names", async () => {
  const { envelope, ring } = await createEnvelope([1]);
  const both = await createEnvelope([2, 1]);
  await fc.assert(
    fc.asyncProperty(contexts, values, async (context, value) => {
      const payload = await envelope.seal(value, context);
      new DataView(payload.buffer).setUint32(0, both.ring.first?.id ?? 0);
      assert.notEqual(both.ring.first?.id, ring.first?.id);
      await refused(both.envelope, payload, context);
    }),
    propertyOptions(),
  );
});
