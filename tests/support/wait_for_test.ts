import assert from "node:assert/strict";
import { waitFor } from "./wait_for.ts";

Deno.test("waitFor returns the first truthy answer", async () => {
  const answers = [0, "", undefined, null, false, 7, 8];
  const answer = await waitFor(() => answers.shift(), {
    deadlineMs: 5_000,
    what: "a number",
    intervalMs: 0,
  });
  assert.equal(answer, 7);
  assert.deepEqual(answers, [8]);
});

Deno.test("waitFor gives up at its deadline and says on what and why", async () => {
  const failing = (): never => {
    throw new Error("connection refused");
  };
  await assert.rejects(waitFor(failing, { deadlineMs: 20, what: "the server" }), {
    message: "waited 20 ms for the server: connection refused",
  });
});

Deno.test("waitFor gives up on an answer that never comes", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  await assert.rejects(waitFor(() => promise, { deadlineMs: 20, what: "an answer" }), {
    message: "waited 20 ms for an answer",
  });
  resolve(true);
});
