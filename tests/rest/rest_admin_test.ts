// Requirement 6.6 and the admin routes: what an operator sees and changes of the process.
import assert from "node:assert/strict";
import type { Principal } from "../../src/core/principal.ts";
import type { Meter } from "../../src/core/telemetry.ts";
import { silentMeter } from "../harness/silent.ts";
import { restFixture } from "./rest_fixture.ts";

const STATS = "/api/v1/admin/stats";
const LEVEL = "/api/v1/admin/log-level";

function put(body: string): RequestInit {
  return { method: "PUT", headers: { "content-type": "application/json" }, body };
}

function fixtureFor(
  principal: Partial<Principal>,
  meter: Meter = silentMeter,
): ReturnType<typeof restFixture> {
  const verified = { subject: "s", namespaces: new Set("*"), scopes: new Set<string>() };
  return restFixture({ verifier: { verify: () => ({ ...verified, ...principal }) }, meter });
}

const admin = new Set(["cache:admin"]);

Deno.test("stats and the log level ask for the scope, and the level for all namespaces", async () => {
  const statuses = async (principal: Partial<Principal>): Promise<number[]> => {
    const { send } = fixtureFor(principal);
    const calls = [send(STATS), send(LEVEL), send(LEVEL, put('{"level":"debug"}'))];
    return (await Promise.all(calls)).map(({ status }) => status);
  };
  assert.deepEqual(await statuses({ scopes: admin }), [200, 200, 200]);
  assert.deepEqual(await statuses({ scopes: admin, namespaces: new Set(["n"]) }), [200, 403, 403]);
  assert.deepEqual(await statuses({ scopes: new Set(["cache:read", "cache:write"]) }), [
    403,
    403,
    403,
  ]);
});

Deno.test("who asks without the right to is counted", async () => {
  const reasons: string[] = [];
  const authFailure = (reason: string): void => void reasons.push(reason);
  const { send } = fixtureFor({}, { ...silentMeter, authFailure });
  await send(STATS);
  await send(LEVEL, put('{"level":"debug"}'));
  assert.deepEqual(reasons, ["forbidden", "forbidden"]);
});

Deno.test("the log level is told, changed, and changed to nothing else", async () => {
  const { send } = fixtureFor({ scopes: admin });
  const level = async (init?: RequestInit): Promise<unknown> => (await send(LEVEL, init)).json();
  assert.deepEqual(await level(), { level: "info" });
  assert.deepEqual(await level(put('{"level":"debug"}')), { level: "debug" });
  assert.deepEqual(await level(), { level: "debug" });
  for (const body of ['{"level":"trace"}', "{}", "[]", "", `{"level":"${"x".repeat(2000)}"}`]) {
    const { status } = await send(LEVEL, put(body));
    assert(status === 400 || status === 413, `${status} for ${body.slice(0, 30)}`);
  }
  assert.deepEqual(await level(), { level: "debug" });
});

Deno.test("unknown admin paths are 404, and a wrong method names the right ones", async () => {
  const { send } = fixtureFor({ scopes: admin });
  for (const path of ["stats/", "stats/x", "", "log_level", "rewrap", "rewrap/a/b"]) {
    assert.equal((await send(`/api/v1/admin/${path}`)).status, 404, path);
  }
  const refused = await send(STATS, { method: "POST" });
  assert.equal(refused.status, 405);
  assert.equal(refused.headers.get("allow"), "GET, HEAD");
});
