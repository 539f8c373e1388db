import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CacheError } from "../core/errors.ts";
import { entriesOf, methodCodec } from "./codec.ts";
import { loadSchema } from "./schema.ts";
import type { Method, RequestOf, ResponseOf } from "./service.ts";

const schema = loadSchema({ keepCase: false });

const MAX_BATCH_KEYS = 1000;

function codecOf<M extends Method>(name: M): {
  readonly decode: (bytes: readonly number[]) => RequestOf<M>;
  readonly fault: (bytes: readonly number[]) => CacheError;
  readonly encode: (response: ResponseOf<M>) => Buffer;
} {
  const codec = methodCodec<RequestOf<M>, ResponseOf<M>>(schema, {
    service: "cache.v1.CacheService",
    name,
    maxBatchKeys: MAX_BATCH_KEYS,
  });
  return {
    encode: codec.encode,
    decode: (bytes) => {
      const decoded = codec.decode(Buffer.from(bytes));
      if (decoded instanceof CacheError) throw decoded;
      assert.equal(decoded.bytes, bytes.length);
      return decoded.message;
    },
    fault: (bytes) => {
      const decoded = codec.decode(Buffer.from(bytes));
      if (decoded instanceof CacheError) return decoded;
      throw new Error("the message was decoded");
    },
  };
}

/** A field of text or bytes. */
function field(id: number, content: string | readonly number[]): number[] {
  const bytes = Buffer.from(typeof content === "string" ? Buffer.from(content) : content);
  assert.ok(bytes.length < 128);
  return [(id << 3) | 2, bytes.length, ...bytes];
}

Deno.test("absent fields have the values of their types", () => {
  assert.deepEqual(codecOf("Set").decode([]), {
    key: "",
    value: new Uint8Array(0),
    ttlSeconds: 0,
    namespace: "",
    encrypt: false,
  });
  assert.deepEqual(codecOf("BatchGet").decode([]), { keys: [], namespace: "" });
  assert.deepEqual(entriesOf(codecOf("BatchSet").decode([]).entries), new Map());
});

Deno.test("text comes through as it is, also a byte order mark and U+FFFD", () => {
  for (const key of ["k", "é€😀", "\ufeffk", "\ufffd", "a\0b"]) {
    assert.equal(codecOf("Get").decode(field(1, key)).key, key);
  }
});

Deno.test("ill-formed UTF-8 becomes ill-formed Unicode, and never something well-formed", () => {
  for (const bytes of [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf5, 0, 0, 0]]) {
    assert.equal(codecOf("Get").decode(field(1, bytes)).key.isWellFormed(), false);
    const { entries } = codecOf("BatchSet").decode(field(1, field(1, bytes)));
    assert.equal(Object.keys(entries)[0]?.isWellFormed(), false);
  }
});

Deno.test("a TTL outside of the safe integers stays far outside", () => {
  const ttlOf = (varint: readonly number[]): number =>
    codecOf("Set").decode([0x18, ...varint]).ttlSeconds;
  assert.equal(ttlOf([0x3c]), 60);
  assert.equal(ttlOf([0x80, 0xba, 0x9e, 0x01]), 2_596_096);
  assert.equal(ttlOf([...Array(9).fill(0xff), 0x01]), -1);
  assert.equal(ttlOf([...Array(8).fill(0xff), 0x7f]), 2 ** 63);
  assert.equal(ttlOf([0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]), 2 ** 53);
});

Deno.test("bytes are a view of the message", () => {
  const { value } = codecOf("Set").decode(field(2, [0, 255, 1]));
  assert.ok(value instanceof Uint8Array);
  assert.deepEqual([...value], [0, 255, 1]);
});

Deno.test("every key of a map is an entry, and an entry without a value is empty", () => {
  const entry = (key: string, value: readonly number[]): number[] =>
    field(1, [...field(1, key), ...value]);
  const { entries } = codecOf("BatchSet").decode([
    ...entry("__proto__", field(2, [1])),
    ...entry("constructor", field(2, [2])),
    ...entry("absent", []),
    ...entry("empty", field(2, [])),
  ]);
  const read = entriesOf(entries);
  assert.deepEqual([...read.keys()].sort(), ["__proto__", "absent", "constructor", "empty"]);
  assert.deepEqual([...read.get("__proto__") ?? []], [1]);
  assert.deepEqual([...read.get("constructor") ?? []], [2]);
  for (const key of ["absent", "empty"]) assert.ok(read.get(key) instanceof Uint8Array, key);
});

Deno.test("what is not a message is an invalid request", () => {
  const faulty = [
    [0x0a, 0x05, 0x61], // five bytes announced, one there
    [0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f], // a length beyond the message
    [0x07], // wire type 7
    [0x0b, 0x0b, 0x0b], // groups without an end
    [0x80], // half a varint
  ];
  for (const bytes of faulty) {
    const error = codecOf("Get").fault(bytes);
    assert.equal(error.code, "invalid_request");
    assert.equal(error.message, `The request of ${bytes.length} bytes is not a GetRequest.`);
  }
});

Deno.test("a batch of far too many items ends before they are read", () => {
  const key = [0x0a, 0];
  const entry = [0x0a, 2, ...key];
  const cases: readonly (readonly [Method, number[]])[] = [
    ["BatchGet", Array(500_000).fill(key).flat()],
    ["BatchSet", Array(250_000).fill(entry).flat()],
    // One entry, whose key is given over and over.
    ["BatchSet", [0x0a, 0x80, 0xc0, 0x3d, ...Array(503_808).fill(key).flat()]],
    ["BatchGet", Array(500_000).fill([0x78, 0]).flat()],
  ];
  for (const [method, bytes] of cases) {
    const error = codecOf(method).fault(bytes);
    assert.equal(error.code, "batch_too_large");
    assert.equal(
      error.message,
      "A batch has at most 1000 keys; this one has more fields than they take.",
    );
  }
});

Deno.test("a batch a little over the limit is read, so that its size can be told", () => {
  const keys = Array(MAX_BATCH_KEYS + 1).fill(field(1, "k")).flat();
  assert.equal(codecOf("BatchGet").decode(keys).keys.length, MAX_BATCH_KEYS + 1);
  const entries = Array.from(
    { length: MAX_BATCH_KEYS + 1 },
    (_, i) => field(1, [...field(1, `${i}`), ...field(2, [1])]),
  );
  const { entries: read } = codecOf("BatchSet").decode(entries.flat());
  assert.equal(Object.keys(read).length, MAX_BATCH_KEYS + 1);
});

Deno.test("a message of far too many fields is an invalid request", () => {
  for (const fields of [[0x78, 0], [0x1b, 0x1c], field(1, "k")]) {
    const error = codecOf("Get").fault(Array(100_000).fill(fields).flat());
    assert.equal(error.code, "invalid_request");
  }
});

Deno.test("unknown fields are skipped", () => {
  const bytes = [...field(15, "later"), 0x78, 0x01, ...field(1, "k")];
  assert.equal(codecOf("Get").decode(bytes).key, "k");
});

Deno.test("a response keeps every key of its maps", () => {
  const encoded = codecOf("BatchGet").encode({
    values: Object.fromEntries([["__proto__", new Uint8Array([7])]]),
    missingKeys: [],
    degraded: false,
    errors: Object.fromEntries([["constructor", "entry_invalid"]]),
  });
  assert.ok(encoded.includes(Buffer.from(field(1, [...field(1, "__proto__"), ...field(2, [7])]))));
  assert.ok(encoded.includes("constructor"));
});
