import assert from "node:assert/strict";
import { quote, redactUrl } from "./redact.ts";

Deno.test("redactUrl hides passwords, lone users and queries, and nothing else", () => {
  const cases: [string, string][] = [
    ["amqp://rabbit:5672/vhost", "amqp://rabbit:5672/vhost"],
    ["amqp://user:pass@rabbit:5672", "amqp://user:[redacted]@rabbit:5672"],
    ["amqp://user:p@ss/w:rd@rabbit", "amqp://user:[redacted]@rabbit"],
    ["amqp://:pass@rabbit", "amqp://:[redacted]@rabbit"],
    ["https://token@host/path", "https://[redacted]@host/path"],
    ["user:pass\n@host:6379", "user:[redacted]@host:6379"],
    ["https://host/keys?api_key=x&y=@z", "https://[redacted]@z"],
    ["https://host/keys?api_key=x", "https://host/keys?[redacted]"],
    ["kafka-1:9092", "kafka-1:9092"],
  ];
  for (const [url, expected] of cases) assert.equal(redactUrl(url), expected);
});

Deno.test("quote gives one line of bounded length", () => {
  assert.equal(quote('a\n"b"'), '"a\\n\\"b\\""');
  assert.equal(quote("x".repeat(5000)).length, 103);
});
