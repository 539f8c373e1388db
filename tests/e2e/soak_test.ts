import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { soak } from "./soak.ts";

serverTest({
  name: "64 connections of both APIs at once: no call fails",
  needs: [],
  async fn(): Promise<void> {
    const { failures, requests } = await soak({ seconds: 8 });
    assert.deepEqual(failures, []);
    assert.ok(requests > 1_000, `only ${requests} requests`);
  },
});
