import assert from "node:assert/strict";
import fc from "fast-check";
import {
  callHeaders,
  concat,
  FLAG,
  FRAME,
  frame,
  headerField,
  NEWEST_ENTRY,
  PREFACE,
  storedField,
} from "../../tests/support/h2_client.ts";
import { HeaderScan } from "./header_scan.ts";

const LIMITS = { maxFields: 20, maxBytes: 4_000 };
const PADDED = 0x8;
const PRIORITY = 0x20;

const headers = (payload: Uint8Array, flags: number = FLAG.endHeaders): Uint8Array =>
  frame(FRAME.headers, { streamId: 1, flags, payload });
const continuation = (payload: Uint8Array): Uint8Array =>
  frame(FRAME.continuation, { streamId: 1, payload });
const fields = (count: number): Uint8Array =>
  concat(Array.from({ length: count }, (_, index) => headerField(`x-${index}`, "v")));
const references = (count: number): Uint8Array => new Uint8Array(count).fill(NEWEST_ENTRY);

/** Whether a connection may send `frames` after its preface; in pieces of `pieceBytes`. */
function accepts(frames: readonly Uint8Array[], pieceBytes = Infinity): boolean {
  const scan = new HeaderScan(LIMITS);
  const bytes = concat([PREFACE, ...frames]);
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    if (!scan.read(bytes.subarray(offset, offset + pieceBytes))) return false;
  }
  return true;
}

Deno.test("calls with headers within the limits pass, however many", () => {
  const call = headers(callHeaders("/s/M", { authorization: "t".repeat(500) }));
  assert.equal(accepts(Array.from({ length: 100 }, () => call)), true);
});

Deno.test("too many fields are refused, also across frames", () => {
  assert.equal(accepts([headers(fields(20))]), true);
  assert.equal(accepts([headers(fields(21))]), false);
  assert.equal(accepts([headers(fields(20), 0), continuation(fields(1))]), false);
  assert.equal(accepts([headers(fields(20)), headers(fields(20))]), true);
});

Deno.test("too many bytes are refused, whole or by reference", () => {
  assert.equal(accepts([headers(headerField("x", "v".repeat(3_967)))]), true);
  assert.equal(accepts([headers(headerField("x", "v".repeat(3_968)))]), false);
  const stored = storedField("x", "v".repeat(967));
  assert.equal(accepts([headers(concat([stored, references(2)]))]), true);
  assert.equal(accepts([headers(concat([stored, references(3)]))]), false);
  assert.equal(accepts([headers(stored), headers(references(3)), headers(references(3))]), true);
  assert.equal(accepts([headers(stored), headers(references(4))]), false);
});

Deno.test("a name that is a reference counts with the value beside it", () => {
  const named = Uint8Array.of(0x0f, 62 - 15, 1, 0x76);
  const stored = headers(storedField("x".repeat(1_900), "v"));
  assert.equal(accepts([stored, headers(named)]), true);
  assert.equal(accepts([stored, headers(concat([named, named, named]))]), false);
});

Deno.test("a Huffman text counts for the most that it may be", () => {
  const huffman = (bytes: number): Uint8Array =>
    concat([
      Uint8Array.of(0, 1, 0x78, 0xff, bytes - 127 - 128 * 10 | 128, 10),
      new Uint8Array(bytes),
    ]);
  assert.equal(accepts([headers(concat([huffman(1_500)]))]), true);
  assert.equal(accepts([headers(concat([huffman(1_500), huffman(1_500)]))]), false);
});

Deno.test("padding, priorities, sizes of tables and other frames are no fields", () => {
  const padded = concat([Uint8Array.of(200, 0, 0, 0, 0, 9), fields(20), new Uint8Array(200)]);
  const tableSize = Uint8Array.of(0x3f, 0xe1, 0x1f);
  const frames = [
    headers(padded, FLAG.endHeaders | PADDED | PRIORITY),
    headers(concat([tableSize, fields(20)])),
    frame(FRAME.data, { streamId: 1, payload: fields(50) }),
    frame(FRAME.settings, {}),
    headers(fields(20)),
  ];
  assert.equal(accepts(frames), true);
  assert.equal(accepts([...frames, headers(fields(21))]), false);
});

Deno.test("a field without an end is refused when it is too long", () => {
  const endless = concat([Uint8Array.of(0, 127, 0xff, 0xff, 0x7f), new Uint8Array(4_000)]);
  assert.equal(accepts([headers(endless)]), false);
  assert.equal(accepts([headers(concat([Uint8Array.of(0xff), references(4_000)]))]), false);
});

Deno.test("frames that contradict themselves harm nothing", () => {
  const short = frame(FRAME.headers, { flags: PADDED | PRIORITY, payload: Uint8Array.of(9, 1) });
  const allPadding = frame(FRAME.headers, { flags: PADDED, payload: Uint8Array.of(9, 1) });
  const empty = frame(FRAME.headers, { flags: PADDED | PRIORITY });
  assert.equal(accepts([short, allPadding, empty, headers(fields(21))]), false);
  assert.equal(accepts([short, allPadding, empty, headers(fields(20))]), true);
});

Deno.test("the pieces in which bytes come make no difference", () => {
  const part = fc.oneof(
    fc.integer({ min: 0, max: 30 }).map(fields),
    fc.integer({ min: 0, max: 30 }).map(references),
    fc.integer({ min: 0, max: 2_000 }).map((length) => storedField("x", "v".repeat(length))),
    fc.uint8Array({ maxLength: 50 }),
  );
  const frames = fc.array(fc.oneof(
    fc.array(part, { maxLength: 4 }).map((parts) => headers(concat(parts))),
    part.map(continuation),
    part.map((payload) => frame(FRAME.data, { streamId: 1, payload })),
    part.map((payload) => headers(payload, PADDED | PRIORITY)),
  ));
  fc.assert(fc.property(frames, fc.integer({ min: 1, max: 100 }), (frames, pieceBytes) => {
    assert.equal(accepts(frames, pieceBytes), accepts(frames));
  }));
});
