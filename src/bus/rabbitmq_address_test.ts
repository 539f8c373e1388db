import assert from "node:assert/strict";
import { Secret } from "../core/secret.ts";
import { rabbitmqAddress } from "./rabbitmq_address.ts";

function read(
  url: string,
  options: Partial<Parameters<typeof rabbitmqAddress>[1]> = {},
): readonly unknown[] {
  const { label, endpoint, username, password } = rabbitmqAddress(url, { tls: false, ...options });
  const { protocol, hostname, port, vhost } = endpoint;
  return [label, `${protocol} ${hostname} ${port} ${vhost}`, username, password.reveal()];
}

Deno.test("the address of RabbitMQ has ports and users of its own where none are told", () => {
  assert.deepEqual(read("amqp://mq"), ["mq:5672", "amqp mq 5672 ", "guest", "guest"]);
  assert.deepEqual(read("amqps://mq/a%2Fb"), ["mq:5671", "amqps mq 5671 a%2Fb", "guest", "guest"]);
  assert.deepEqual(read("amqp://[::1]:1", { tls: true }), [
    "[::1]:1",
    "amqps ::1 1 ",
    "guest",
    "guest",
  ]);
});

Deno.test("user and password come from the URL unless they are told by themselves", () => {
  assert.deepEqual(read("amqp://u%40:p%2F%C3%B6%@mq").slice(2), ["u@", "p%2F%C3%B6%"]);
  assert.deepEqual(read("amqp://u%40:p%2F%C3%B6@mq").slice(2), ["u@", "p/ö"]);
  const own = { username: "own", password: new Secret("word") };
  assert.deepEqual(read("amqp://u:p@mq", own).slice(2), ["own", "word"]);
});

Deno.test("what is no AMQP URL is refused without being told", () => {
  for (const url of ["http://u:hunter2@mq", "mq:5672", "amqp://", ""]) {
    assert.throws(() => read(url), (error) => {
      return error instanceof TypeError && !error.message.includes("hunter2");
    });
  }
});
