import assert from "node:assert/strict";
import { assertPrints } from "./assert_prints.ts";

interface Case {
  readonly language: "json" | "text";
  readonly shown: string;
  readonly printed: string;
}

const RIGHT: readonly Case[] = [
  { language: "json", shown: '{ "a": 1, "b": [true] }', printed: '{"b":[true],"a":1}\n' },
  { language: "json", shown: '{ "id": "…" }', printed: '{"id":"4711"}' },
  { language: "json", shown: '{ "url": "http://…/a" }', printed: '{"url":"http://b.example/a"}' },
  { language: "json", shown: '{"a":"}"}\n[1]', printed: '{"a":"}"}[1]' },
  { language: "json", shown: '{ "ttl_seconds": 60 }', printed: '{"ttl_seconds":58}' },
  { language: "json", shown: '{ "ttlSeconds": "60" }', printed: '{"ttlSeconds":"59"}' },
  { language: "text", shown: "a\nb\n", printed: "a\nb" },
  { language: "text", shown: "version …\n", printed: "version 1.2.3\n" },
];

const WRONG: readonly Case[] = [
  { language: "json", shown: '{ "a": 1 }', printed: '{"a":2}' },
  { language: "json", shown: '{ "a": 1 }', printed: '{"a":"1"}' },
  { language: "json", shown: '{ "a": 1 }', printed: '{"a":1,"b":2}' },
  { language: "json", shown: '{ "a": 1, "b": 2 }', printed: '{"a":1}' },
  { language: "json", shown: '{ "a": "…" }', printed: "{}" },
  { language: "json", shown: '{ "a": "…" }', printed: '{"a":1}' },
  { language: "json", shown: "[1, 2]", printed: "[2,1]" },
  { language: "json", shown: "[1, 2]", printed: "[1]" },
  { language: "json", shown: "{}", printed: "{}{}" },
  { language: "json", shown: "{}", printed: "" },
  { language: "json", shown: "{}", printed: "curl: (7) failed" },
  { language: "json", shown: '{ "ttl_seconds": 60 }', printed: '{"ttl_seconds":61}' },
  { language: "json", shown: '{ "ttl_seconds": 60 }', printed: '{"ttl_seconds":29}' },
  { language: "json", shown: '{ "ttl_seconds": 60 }', printed: '{"ttl_seconds":"60"}' },
  { language: "json", shown: '{ "n": 60 }', printed: '{"n":59}' },
  { language: "text", shown: "a\n", printed: "b\n" },
  { language: "text", shown: "a\n", printed: "a\nb\n" },
  { language: "text", shown: "a\nb\n", printed: "a\n" },
  { language: "text", shown: "v…\n", printed: "v1\nv2\n" },
];

Deno.test("prints: what the document shows", () => {
  for (const { printed, language, shown: text } of RIGHT) assertPrints(printed, { language, text });
  assertPrints("", undefined);
});

Deno.test("prints: anything else is a failure", () => {
  for (const { printed, language, shown: text } of WRONG) {
    assert.throws(() => assertPrints(printed, { language, text }), `${text} for ${printed}`);
  }
  assert.throws(() => assertPrints("a", undefined));
});
