import assert from "node:assert/strict";
import { Lifecycle } from "../core/lifecycle.ts";
import { HealthService } from "./health.ts";

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

class Watcher {
  readonly sent: number[] = [];
  ends = 0;

  send(status: number): void {
    this.sent.push(status);
  }

  end(): void {
    this.ends++;
  }
}

function healthOf(maxWatchers = 10): { lifecycle: Lifecycle; health: HealthService } {
  const lifecycle = new Lifecycle();
  return { lifecycle, health: new HealthService({ lifecycle, maxWatchers }) };
}

Deno.test("the process and its service serve from their start until they drain", () => {
  const { lifecycle, health } = healthOf();
  for (const service of ["", "cache.v1.CacheService"]) {
    assert.equal(health.status(service), NOT_SERVING);
  }
  lifecycle.enter("serving");
  for (const service of ["", "cache.v1.CacheService"]) {
    assert.equal(health.status(service), SERVING);
  }
  lifecycle.enter("draining");
  assert.equal(health.status(""), NOT_SERVING);
});

Deno.test("a service that is not here is unknown", () => {
  for (const service of ["cache.v1", "constructor", "\ud800"]) {
    assert.equal(healthOf().health.status(service), SERVICE_UNKNOWN);
  }
});

Deno.test("a watcher hears the status at once and every change until it stops", () => {
  const { lifecycle, health } = healthOf();
  const stays = new Watcher();
  const goes = new Watcher();
  health.watch("", stays);
  const stop = health.watch("", goes);
  lifecycle.enter("serving");
  stop?.();
  lifecycle.enter("draining");
  assert.deepEqual(stays.sent, [NOT_SERVING, SERVING, NOT_SERVING]);
  assert.deepEqual(goes.sent, [NOT_SERVING, SERVING]);
});

Deno.test("a watcher hears nothing where the status stays the same", () => {
  const { lifecycle, health } = healthOf();
  const watcher = new Watcher();
  const unknown = new Watcher();
  health.watch("", watcher);
  health.watch("nowhere", unknown);
  lifecycle.enter("draining");
  assert.deepEqual(watcher.sent, [NOT_SERVING]);
  assert.deepEqual(unknown.sent, [SERVICE_UNKNOWN]);
  assert.equal(unknown.ends, 0);
});

Deno.test("watchers are bounded, and one that stops makes room", () => {
  const { health } = healthOf(2);
  health.watch("", new Watcher());
  const stop = health.watch("", new Watcher());
  const refused = new Watcher();
  assert.equal(health.watch("", refused), undefined);
  assert.deepEqual(refused.sent, []);
  stop?.();
  assert.notEqual(health.watch("", refused), undefined);
});

Deno.test("closing ends every watcher once, also one that comes later", () => {
  const { lifecycle, health } = healthOf();
  const before = new Watcher();
  const after = new Watcher();
  const stop = health.watch("", before);
  health.close();
  health.watch("", after);
  stop?.();
  lifecycle.enter("serving");
  assert.deepEqual([before.ends, after.ends], [1, 1]);
  assert.deepEqual([before.sent, after.sent], [[NOT_SERVING], [NOT_SERVING]]);
});
