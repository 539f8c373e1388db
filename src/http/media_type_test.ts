import assert from "node:assert/strict";
import { bodyKind, prefersRaw } from "./media_type.ts";

const BOTH = ["json", "raw"] as const;
const of = (type: string) => new Headers({ "Content-Type": type });

Deno.test("bodyKind knows JSON and octet-stream, with parameters and in any case", () => {
  for (
    const type of [
      "application/json",
      "Application/JSON",
      "application/json; charset=utf-8",
      'application/json;charset="UTF-8"',
    ]
  ) assert.equal(bodyKind(of(type), BOTH), "json", type);
  assert.equal(bodyKind(of("application/octet-stream"), BOTH), "raw");
  assert.equal(bodyKind(of("application/octet-stream; x=y"), BOTH), "raw");
});

Deno.test("bodyKind refuses other types, none, other charsets and content encodings", () => {
  const refused = { code: "unsupported_media_type" };
  for (
    const type of [
      "text/plain",
      "application/json-patch",
      "application/json; charset=utf-16",
      "json",
    ]
  ) assert.throws(() => bodyKind(of(type), BOTH), refused, type);
  assert.throws(() => bodyKind(new Headers(), BOTH), refused);
  assert.throws(() => bodyKind(of("application/octet-stream"), ["json"]), refused);
  const gzip = of("application/octet-stream");
  gzip.set("Content-Encoding", "gzip");
  assert.throws(() => bodyKind(gzip, BOTH), refused);
});

Deno.test("prefersRaw wants octet-stream named or valued above JSON", () => {
  for (
    const accept of [
      "application/octet-stream",
      "APPLICATION/Octet-Stream",
      "application/octet-stream, */*",
      "application/octet-stream, application/*;q=0.9",
      "application/json;q=0.5, application/octet-stream",
      "application/json;q=0.5,application/octet-stream;q=0.6",
      "application/json;q=0, */*",
      "text/html, application/octet-stream;q=0.1",
    ]
  ) assert.equal(prefersRaw(accept), true, accept);
});

Deno.test("prefersRaw falls back to JSON", () => {
  for (
    const accept of [
      null,
      "",
      "*/*",
      "application/*",
      "application/json",
      "text/html",
      "application/octet-stream, application/json",
      "application/octet-stream;q=0",
      "application/octet-stream;q=0, */*",
      "application/octet-stream;q=0.5, application/json;q=0.6",
      "application/octet-stream;q=x",
      "application/octet-stream;q=2",
      ";;,,q=",
    ]
  ) assert.equal(prefersRaw(accept), false, `${accept}`);
});
