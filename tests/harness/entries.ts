import fc from "fast-check";

/** Valid namespaces. */
export const namespaces = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,15}$/);

const ODD_KEYS = [
  "__proto__",
  "constructor",
  "a b",
  "a/b",
  "%FF",
  "%2F",
  "+",
  "?x=1",
  "#",
  "é",
  "🙂",
];

/** Valid keys, the odd ones among them often; never `.` or `..`, which URLs fold. */
export const keys = fc.oneof(
  fc.constantFrom(...ODD_KEYS),
  fc.string({ minLength: 1, maxLength: 24, unit: "binary" }),
  fc.string({ minLength: 1, maxLength: 24, unit: "grapheme" }),
).filter((key) => key !== "." && key !== "..");

/** Values, the empty one among them; mostly small. */
export const values = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 10_000, maxLength: 100_000 }) },
).map((bytes) => new Uint8Array(bytes));

/** Whole seconds that a caller may ask for. */
export const ttls = fc.oneof(
  fc.constant(undefined),
  fc.constant(0),
  fc.integer({ min: 1, max: 2_592_000 }),
);

/** A few entries of one namespace. */
export const batches = fc.array(fc.tuple(keys, values), { maxLength: 20 })
  .map((entries) => new Map(entries));
