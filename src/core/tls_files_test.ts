import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { TlsFiles, type TlsPair } from "./tls_files.ts";

const pair = (certificatePem: string, keyPem: string): TlsPair => ({ certificatePem, keyPem });

/** Files whose content can be set, where a certificate goes with the key of the same name. */
function setUp(): {
  files: { current: TlsPair | Error };
  tls: TlsFiles;
  clock: FakeClock;
  told: TlsPair[];
  failures: unknown[];
} {
  const clock = new FakeClock();
  const files: { current: TlsPair | Error } = { current: pair("a", "a") };
  const told: TlsPair[] = [];
  const failures: unknown[] = [];
  const tls = new TlsFiles({
    read: () =>
      files.current instanceof Error
        ? Promise.reject(files.current)
        : Promise.resolve(files.current),
    initial: pair("a", "a"),
    check: ({ certificatePem, keyPem }) => {
      if (certificatePem !== keyPem) throw new Error("not of one pair");
    },
    onFailure: (error) => failures.push(error),
    clock,
    everyMs: 1000,
  });
  tls.onChange((pair) => void told.push(pair));
  return { files, tls, clock, told, failures };
}

Deno.test("a new pair is told to every listener, once", async () => {
  const { files, tls, clock, told } = setUp();
  const second: TlsPair[] = [];
  tls.onChange((pair) => void second.push(pair));
  await clock.advance(2000);
  assert.deepEqual(told, []);
  files.current = pair("b", "b");
  await clock.advance(2000);
  assert.deepEqual([tls.current, told, second], [pair("b", "b"), [tls.current], [tls.current]]);
});

Deno.test("half of a pair is not taken, and told as a failure once", async () => {
  const { files, tls, clock, told, failures } = setUp();
  files.current = pair("b", "a");
  await clock.advance(3000);
  assert.deepEqual([tls.current, told, failures.length], [pair("a", "a"), [], 1]);
  files.current = pair("b", "b");
  await clock.advance(1000);
  assert.deepEqual([tls.current, told, failures.length], [pair("b", "b"), [pair("b", "b")], 1]);
});

Deno.test("files that cannot be read keep the pair", async () => {
  const { files, tls, clock, failures } = setUp();
  files.current = new Error("gone");
  await clock.advance(3000);
  assert.deepEqual([tls.current, failures.length], [pair("a", "a"), 1]);
});

Deno.test("a look on demand needs no timer, and none is left after the end", async () => {
  const { files, tls, clock } = setUp();
  files.current = pair("b", "b");
  await tls.look();
  assert.deepEqual(tls.current, pair("b", "b"));
  tls.close();
  assert.equal(clock.pendingTimers, 0);
});
