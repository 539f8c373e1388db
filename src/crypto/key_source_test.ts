import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { MountedSecret } from "../../tests/support/mounted_secret.ts";
import { waitFor } from "../../tests/support/wait_for.ts";
import { Secret } from "../core/secret.ts";
import type { LogFields, Logger } from "../core/telemetry.ts";
import { importKeys } from "./key_ring.ts";
import { fileKeys, fixedKeys, type KeySource } from "./key_source.ts";

const [A = "", B = ""] = [1, 2].map((byte) => new Uint8Array(32).fill(byte).toBase64());

interface Rig extends AsyncDisposable {
  readonly path: string;
  readonly clock: FakeClock;
  readonly source: KeySource;
  readonly warnings: readonly [string, LogFields][];
  readonly removals: () => number;
  write(text: string): Promise<void>;
}

async function rig(text: string): Promise<Rig> {
  const path = await Deno.makeTempFile();
  const write = (changed: string): Promise<void> => Deno.writeTextFile(path, changed);
  await write(text);
  const clock = new FakeClock();
  const warnings: [string, LogFields][] = [];
  const ignore = (): void => {};
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    warn: (message, fields = {}) => void warnings.push([message, fields]),
    error: ignore,
  };
  let removals = 0;
  const source = await fileKeys(path, { clock, logger, onRemoved: () => removals++ });
  return {
    path,
    clock,
    source,
    warnings,
    removals: () => removals,
    write,
    [Symbol.asyncDispose]: async () => {
      source.close();
      await Deno.remove(path).catch(ignore);
    },
  };
}

/** Which of A and B seals, and which of them open. */
async function inUse({ ring }: KeySource): Promise<string> {
  const [a, b] = await importKeys([new Secret(A), new Secret(B)]);
  const named = [["A", a?.id ?? NaN], ["B", b?.id ?? NaN]] as const;
  const sealing = named.filter(([, id]) => ring.first?.id === id).map(([name]) => name);
  const opening = named.filter(([, id]) => ring.find(id) !== undefined).map(([name]) => name);
  return `${sealing} seals, ${opening} open`;
}

Deno.test("keys of the settings stay as they are", async () => {
  const source = await fixedKeys([new Secret(A), new Secret(B)]);
  await source.look();
  assert.equal(await inUse(source), "A seals, A,B open");
  source.close();
  assert.equal((await fixedKeys([])).ring.first, undefined);
});

Deno.test("a changed file is taken within five seconds", async () => {
  await using given = await rig(A);
  assert.equal(await inUse(given.source), "A seals, A open");
  await given.write(`${B},${A}`);
  await given.clock.advance(4999);
  await given.clock.advance(1);
  await waitFor(async () => await inUse(given.source) === "B seals, A,B open", {
    deadlineMs: 5000,
    what: "the new keys",
  });
  assert.equal(given.removals(), 0);
});

Deno.test("a look takes a changed file at once, and a removed key is told once", async () => {
  await using given = await rig(`${A}\n`);
  await given.write(`${B},\n${A}\n`);
  await given.source.look();
  assert.equal(await inUse(given.source), "B seals, A,B open");
  await given.write(B);
  await given.source.look();
  assert.equal(await inUse(given.source), "B seals, B open");
  await given.source.look();
  assert.equal(given.removals(), 1);
  assert.deepEqual(given.warnings, []);
});

Deno.test("a file that cannot be used leaves the keys as they were, with one warning", async () => {
  await using given = await rig(A);
  const broken = ["", `${B},`, "no key", `${A},${B.slice(0, 9)}`, "\0".repeat(70_000)];
  for (const text of broken) {
    await given.write(text);
    await given.source.look();
  }
  await Deno.remove(given.path);
  await given.source.look();
  assert.equal(await inUse(given.source), "A seals, A open");
  assert.equal(given.removals(), 0);
  assert.equal(given.warnings.length, 1);

  await given.write(B);
  await given.source.look();
  assert.equal(await inUse(given.source), "B seals, B open");
  await given.write(`${B},${A.slice(1)}`);
  await given.source.look();
  assert.equal(given.warnings.length, 2);
  const shown = Deno.inspect(given.warnings);
  for (const key of [A, B]) assert.equal(shown.includes(key.slice(1, 8)), false);
});

Deno.test("a file that cannot be used at the start is refused", async () => {
  for (const text of ["", "\n", "no key", `${A},${A}=`]) {
    await assert.rejects(rig(text), /exactly 32 bytes/, JSON.stringify(text));
  }
  const parts = { clock: new FakeClock(), logger: console, onRemoved: () => {} };
  await assert.rejects(fileKeys("/none", parts), Deno.errors.NotFound);
});

Deno.test("a folder whose content is swapped by a symbolic link is followed", async () => {
  await using mounted = await MountedSecret.mount(A);
  const parts = { clock: new FakeClock(), logger: console, onRemoved: () => {} };
  const source = await fileKeys(mounted.path, parts);
  await mounted.publish(`${B},${A}`);
  await source.look();
  assert.equal(await inUse(source), "B seals, A,B open");
  source.close();
});
