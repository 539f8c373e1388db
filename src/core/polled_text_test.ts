import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { PolledText } from "./polled_text.ts";

function polled(
  texts: { current: string | Error },
  onChange: (text: string) => void,
): { clock: FakeClock; failures: unknown[]; polledText: PolledText } {
  const clock = new FakeClock();
  const failures: unknown[] = [];
  const polledText = new PolledText({
    read: () =>
      texts.current instanceof Error
        ? Promise.reject(texts.current)
        : Promise.resolve(texts.current),
    initial: "one",
    onChange,
    onFailure: (error) => failures.push(error),
    clock,
    everyMs: 1000,
  });
  return { clock, failures, polledText };
}

Deno.test("a changed text is told once, an unchanged one never", async () => {
  const texts: { current: string | Error } = { current: "one" };
  const told: string[] = [];
  const { clock } = polled(texts, (text) => void told.push(text));
  await clock.advance(3000);
  assert.deepEqual(told, []);
  texts.current = "two";
  await clock.advance(3000);
  assert.deepEqual(told, ["two"]);
});

Deno.test("a failure is told once, and the text that comes after it is taken", async () => {
  const texts: { current: string | Error } = { current: new Error("gone") };
  const told: string[] = [];
  const { clock, failures } = polled(texts, (text) => void told.push(text));
  await clock.advance(5000);
  assert.equal(failures.length, 1);
  texts.current = "two";
  await clock.advance(1000);
  assert.deepEqual(told, ["two"]);
  texts.current = new Error("gone again");
  await clock.advance(1000);
  assert.equal(failures.length, 2);
});

Deno.test("a text that is refused is offered again, and told as a failure once", async () => {
  const texts: { current: string | Error } = { current: "broken" };
  let offered = 0;
  const { clock, failures } = polled(texts, () => {
    offered++;
    throw new Error("not readable");
  });
  await clock.advance(3000);
  assert.equal(offered, 3);
  assert.equal(failures.length, 1);
});

Deno.test("a look on demand joins the one under way, and none comes after the end", async () => {
  const texts: { current: string | Error } = { current: "two" };
  let changes = 0;
  const { clock, polledText } = polled(texts, () => void changes++);
  await Promise.all([polledText.look(), polledText.look()]);
  assert.equal(changes, 1);
  polledText.close();
  texts.current = "three";
  await clock.advance(5000);
  assert.equal(changes, 1);
  assert.equal(clock.pendingTimers, 0);
});
