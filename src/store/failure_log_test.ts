import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { FailureLog } from "./failure_log.ts";

Deno.test("each kind of failure is told once in ten seconds", () => {
  const clock = new FakeClock();
  const said: string[] = [];
  const silent = (): void => {};
  const logger = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (_: string, fields?: Readonly<Record<string, unknown>>) => said.push(`${fields?.reason}`),
  };
  const log = new FailureLog({ clock, logger });
  for (let i = 0; i < 100; i++) {
    log.tell("redis refused a call", new Error("OOM command not allowed"));
  }
  log.tell("redis refused a call", new Error("READONLY You can't write"));
  assert.deepEqual(said, ["OOM command not allowed", "READONLY You can't write"]);
  clock.advanceSync(10_000);
  log.tell("redis refused a call", new Error("OOM command not allowed"));
  assert.equal(said.length, 3);
});
