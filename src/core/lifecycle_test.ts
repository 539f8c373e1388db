import assert from "node:assert/strict";
import { Lifecycle } from "./lifecycle.ts";

Deno.test("listeners hear of each change once, until they leave", () => {
  const lifecycle = new Lifecycle();
  const heard: string[] = [];
  const leave = lifecycle.onChange((phase) => heard.push(phase));
  lifecycle.enter("starting");
  lifecycle.enter("serving");
  lifecycle.enter("serving");
  leave();
  lifecycle.enter("draining");
  assert.deepEqual(heard, ["serving"]);
  assert.equal(lifecycle.phase, "draining");
});
