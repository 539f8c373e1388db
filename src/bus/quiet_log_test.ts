import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import type { LogFields } from "../core/telemetry.ts";
import { QuietLog } from "./quiet_log.ts";

function open(): { clock: FakeClock; log: QuietLog; said: LogFields[] } {
  const clock = new FakeClock();
  const said: LogFields[] = [];
  const keep = (message: string, fields?: LogFields): void =>
    void said.push({ message, ...fields });
  const logger = { debug: keep, info: keep, warn: keep, error: keep };
  return { clock, log: new QuietLog({ clock, logger }), said };
}

Deno.test("a warning is said at once, then once a minute with how often it was kept back", async () => {
  const { clock, log, said } = open();
  for (let second = 0; second <= 120; second++) {
    log.warn("Down.", { reason: "refused", port: 1 });
    await clock.advance(1000);
  }
  const line = { message: "Down.", reason: "refused", port: 1 };
  assert.deepEqual(said, [line, { ...line, suppressed: 59 }, { ...line, suppressed: 59 }]);
});

Deno.test("a new reason is said at once, and ever new ones are bounded", () => {
  const { log, said } = open();
  log.warn("Down.", { reason: "refused" });
  log.warn("Down.", { reason: "no such user" });
  assert.equal(said.length, 2);
  for (let i = 0; i < 10_000; i++) log.warn("Down.", { reason: `${i}` });
  assert.equal(said.length, 101);
});
