import assert from "node:assert/strict";
import { cacheTarget, decodeSegment, rawPath, rawQuery } from "./raw_path.ts";

Deno.test("rawPath gives the path as it was sent, without query and fragment", () => {
  for (
    const [url, path] of [
      ["http://h/a/%2F%zz/../.", "/a/%2F%zz/../."],
      ["http://h:1/a?b=/c", "/a"],
      ["https://h/a#b?c", "/a"],
      ["http://h//x//y", "//x//y"],
      ["http://h/ключ", "/ключ"],
      ["http://h", "/"],
    ] as const
  ) assert.equal(rawPath(url), path);
});

Deno.test("rawQuery gives what follows the first question mark", () => {
  assert.equal(rawQuery("http://h/a?b=c?d"), "b=c?d");
  assert.equal(rawQuery("http://h/a"), "");
});

Deno.test("cacheTarget splits namespace and key without decoding them", () => {
  const target = (rest: string) => cacheTarget(`/api/v1/cache/${rest}`);
  assert.deepEqual(target("n/k"), { route: "key", namespace: "n", key: "k" });
  assert.deepEqual(target("%2f/%2F"), { route: "key", namespace: "%2f", key: "%2F" });
  assert.deepEqual(target("n/"), { route: "key", namespace: "n", key: "" });
  assert.deepEqual(target("/k"), { route: "key", namespace: "", key: "k" });
  assert.deepEqual(target("n/batch"), { route: "key", namespace: "n", key: "batch" });
  assert.deepEqual(target("n/batch/get"), { route: "batch/get", namespace: "n", key: "" });
  assert.deepEqual(target("n/batch/set"), { route: "batch/set", namespace: "n", key: "" });
});

Deno.test("cacheTarget knows no other paths", () => {
  for (
    const path of [
      "/",
      "/api/v1/cache",
      "/api/v1/cache/",
      "/api/v1/cache/n",
      "/api/v1/cache/n/a/b",
      "/api/v1/cache/n/batch/get/",
      "/api/v1/cache/n/batch%2Fget/x",
      "/api/v2/cache/n/k",
    ]
  ) assert.equal(cacheTarget(path), undefined, path);
});

Deno.test("decodeSegment decodes well-formed UTF-8 exactly", () => {
  for (
    const [segment, text] of [
      ["plain", "plain"],
      ["a+b", "a+b"],
      ["a%2Bb%20c", "a+b c"],
      ["%2Fx%2f", "/x/"],
      ["%25FF", "%FF"],
      ["%252F", "%2F"],
      ["%EF%BB%BFbom", "\ufeffbom"],
      ["%F0%9F%98%80", "😀"],
      ["%00", "\0"],
      ["__proto__", "__proto__"],
    ] as const
  ) assert.equal(decodeSegment(segment), text);
});

Deno.test("decodeSegment refuses all that is not percent-encoded UTF-8", () => {
  for (
    const segment of [
      "%",
      "%2",
      "%zz",
      "%2x",
      "%FF",
      "%C0%AF", // overlong
      "%E0%80%AF", // overlong
      "%ED%A0%80", // surrogate
      "%F4%90%80%80", // beyond U+10FFFF
      "%E2%82", // cut
      "%80", // continuation alone
      "%u0041",
    ]
  ) assert.equal(decodeSegment(segment), undefined, segment);
});
