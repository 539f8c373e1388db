import assert from "node:assert/strict";
import { isServerState, redisErrorKind } from "./redis_errors.ts";

Deno.test("the kind of an error reply is its first word, also of a script's on older servers", () => {
  const kinds: readonly [string, string][] = [
    ["MOVED 1 127.0.0.1:1", "MOVED"],
    ["NOAUTH", "NOAUTH"],
    [
      "READONLY You can't write against a read only replica. script: c0ffee, on @user_script:41.",
      "READONLY",
    ],
    [
      "ERR Error running script (call to f_c0ffee): @user_script:41: @user_script: 41: " +
      "-READONLY You can't write against a read only replica.",
      "READONLY",
    ],
    ["ERR Error running script (call to f_c0ffee): @user_script:1: user_script:1: nil", "ERR"],
    ["ERR unknown command", "ERR"],
  ];
  for (const [message, kind] of kinds) assert.equal(redisErrorKind(new Error(message)), kind);
  assert.equal(redisErrorKind("READONLY"), "");
});

Deno.test("a script that meets a replica tells of the server's state", () => {
  const told = new Error(
    "ERR Error running script (call to f_1): @user_script:1: 1: -READONLY You",
  );
  assert.equal(isServerState(told), true);
});
