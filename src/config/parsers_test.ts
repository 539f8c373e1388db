import assert from "node:assert/strict";
import {
  address,
  boolean,
  brokerUrls,
  duration,
  encryptionKey,
  httpUrl,
  integer,
  type Kind,
  listOf,
  megabytes,
  metricsPath,
  namespaceOrAll,
  oneOf,
  secret,
  ttl,
  Unparsable,
} from "./parsers.ts";

/** Each accepted text with its value, and texts that must be refused. */
function check<T>(kind: Kind<T>, texts: { accepts: [string, T][]; refuses: string[] }): void {
  for (const [text, value] of texts.accepts) {
    assert.deepEqual(kind.parse(text), value, text);
    assert.deepEqual(kind.parse(String(kind.print(value))), value, `${text} printed`);
  }
  for (const text of texts.refuses) {
    assert.ok(kind.parse(text) instanceof Unparsable, `accepted ${JSON.stringify(text)}`);
  }
}

Deno.test("booleans", () => {
  check(boolean, {
    accepts: [["true", true], ["1", true], ["false", false], ["0", false]],
    refuses: ["", "TRUE", "yes", " true", "truefalse"],
  });
});

Deno.test("integers and megabytes keep to their range", () => {
  check(integer({ min: 1, max: 100 }), {
    accepts: [["1", 1], ["100", 100]],
    refuses: ["0", "101", "", "-1", "+1", "1.5", "1e1", "0x1", " 1", "1 ", "NaN", "9".repeat(99)],
  });
  check(megabytes({ min: 1, max: 4 }), {
    accepts: [["1", 1_048_576], ["4", 4_194_304]],
    refuses: ["0", "5", "1MB"],
  });
});

Deno.test("durations", () => {
  check(duration({ minMs: 0, maxMs: 3_600_000 }), {
    accepts: [
      ["0", 0],
      ["0s", 0],
      ["300ms", 300],
      ["5s", 5000],
      ["1500ms", 1500],
      ["10m", 600_000],
      ["1h", 3_600_000],
    ],
    refuses: ["", "5", "1.5s", "-1s", "5 s", "5S", "1d", "61m", "s", "1h1m", "9".repeat(20) + "s"],
  });
  check(duration({ minMs: 1, maxMs: 1000 }), { accepts: [["1ms", 1]], refuses: ["0", "0s"] });
  assert.equal(duration({ minMs: 0, maxMs: 1 }).print(90_000), "90s");
});

Deno.test("a TTL is whole seconds up to 30 days", () => {
  check(ttl, {
    accepts: [["1s", 1], ["1000ms", 1], ["1h", 3600], ["720h", 2_592_000]],
    refuses: ["0", "0s", "1500ms", "999ms", "721h", "3600"],
  });
});

Deno.test("words of a closed set", () => {
  check(oneOf("lru", "lfu"), { accepts: [["lfu", "lfu"]], refuses: ["", "LRU", "lru,lfu"] });
});

Deno.test("addresses", () => {
  check(address, {
    accepts: [
      ["localhost:6379", { host: "localhost", port: 6379 }],
      ["10.0.0.1:1", { host: "10.0.0.1", port: 1 }],
      ["[::1]:6379", { host: "::1", port: 6379 }],
      ["my_redis-0.svc:65535", { host: "my_redis-0.svc", port: 65_535 }],
    ],
    refuses: [
      "",
      "localhost",
      ":6379",
      "a:0",
      "a:65536",
      "::1:6379",
      "[::1]",
      "redis://a:1",
      "u:p@a:1",
      "a:1 ",
    ],
  });
});

Deno.test("lists", () => {
  check(listOf(address), {
    accepts: [
      ["", []],
      ["a:1, b:2", [{ host: "a", port: 1 }, { host: "b", port: 2 }]],
    ],
    refuses: [",", "a:1,", "a:1,,b:2", "a:1;b:2"],
  });
  check(listOf(namespaceOrAll), {
    accepts: [["*", ["*"]], ["a,b.c", ["a", "b.c"]], ["__proto__", ["__proto__"]]],
    refuses: [".a", "a:b", "a*", "x".repeat(65)],
  });
});

Deno.test("secrets are counted in bytes of UTF-8", () => {
  const kind = secret({ minBytes: 32 });
  assert.ok(kind.parse("x".repeat(31)) instanceof Unparsable);
  const parsed = kind.parse("ä".repeat(16));
  assert.ok(!(parsed instanceof Unparsable));
  assert.equal(parsed.reveal(), "ä".repeat(16));
  assert.equal(kind.print(parsed), "[redacted]");
});

Deno.test("an encryption key is base64 of exactly 32 bytes", () => {
  const base64 = (length: number): string => btoa("\xff".repeat(length));
  assert.ok(!(encryptionKey.parse(base64(32)) instanceof Unparsable));
  const refused = [base64(31), base64(33), base64(32).slice(0, -1), `${base64(32)}\n`, ""];
  refused.push("-".repeat(43) + "=", `${"A".repeat(42)}B=`);
  for (const text of refused) assert.ok(encryptionKey.parse(text) instanceof Unparsable, text);

  const keys = listOf(encryptionKey).parse(`${base64(32)}, ${btoa("k".repeat(32))}`);
  assert.ok(!(keys instanceof Unparsable));
  assert.deepEqual(keys.map((key) => key.reveal()), [base64(32), btoa("k".repeat(32))]);
  assert.equal(listOf(encryptionKey).secret, true);
});

Deno.test("http URLs carry no credentials", () => {
  check(httpUrl, {
    accepts: [["https://id.example/jwks", "https://id.example/jwks"]],
    refuses: ["", "id.example", "ftp://a", "http:a", "http://", "https://u@a", "https://u:p@a"],
  });
});

Deno.test("broker URLs", () => {
  check(brokerUrls, {
    accepts: [
      ["", []],
      ["amqp://rabbit", ["amqp://rabbit"]],
      ["amqps://[::1]:5671/v", ["amqps://[::1]:5671/v"]],
      ["amqp://a, amqp://b", ["amqp://a", "amqp://b"]],
      ["k1:9092, k2:9092", ["k1:9092", "k2:9092"]],
    ],
    refuses: ["kafka", "http://a", "amqp://", "amqp://u:p", "amqp://a,k1:9092", "amqp://u:p/w@h"],
  });
  assert.deepEqual(brokerUrls.parse("amqp://u:p,w@a"), ["amqp://u:p,w@a"]);
  assert.equal(brokerUrls.print(["amqp://u:p,w@a"]), "amqp://u:[redacted]@a");
});

Deno.test("the metrics path takes no other route", () => {
  check(metricsPath, {
    accepts: [["/metrics", "/metrics"], ["/internal/metrics.txt", "/internal/metrics.txt"]],
    refuses: [
      "metrics",
      "/",
      "/a/",
      "//a",
      "/../health",
      "/a?b",
      "/:x",
      "/*",
      "/health",
      "/live",
      "/ready",
      "/openapi.json",
      "/api",
      "/api/v1/cache/a/b",
    ],
  });
});
