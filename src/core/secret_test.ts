import assert from "node:assert/strict";
import { format, inspect } from "node:util";
import { Secret } from "./secret.ts";

Deno.test("a secret gives its text to reveal only", () => {
  const text = "hunter2-hunter2";
  const secret = new Secret(text);
  assert.equal(secret.reveal(), text);

  const holder = { nested: [secret] };
  const shown = [
    String(secret),
    `${secret}`,
    "" + secret,
    JSON.stringify(holder),
    inspect(holder, { showHidden: true, depth: 9 }),
    Deno.inspect(holder, { showHidden: true, depth: 9 }),
    format("%s %o %j", secret, secret, secret),
    new Error(`refused ${secret}`).stack ?? "",
  ];
  for (const output of shown) {
    assert.match(output, /\[redacted\]/);
    assert.doesNotMatch(output, /hunter2/);
  }
  assert.deepEqual(Reflect.ownKeys(secret), []);
  assert.deepEqual(Object.keys({ ...secret }), []);
});
