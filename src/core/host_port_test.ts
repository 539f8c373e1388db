import assert from "node:assert/strict";
import { hostPort } from "./host_port.ts";

Deno.test("an IPv6 address stands in brackets, names and IPv4 addresses do not", () => {
  assert.equal(hostPort("::1", 80), "[::1]:80");
  assert.equal(hostPort("127.0.0.1", 0), "127.0.0.1:0");
  assert.equal(hostPort("redis", 6379), "redis:6379");
});
