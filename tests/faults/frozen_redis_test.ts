// Requirements 7.1 to 7.5, 9.2: Redis stands still under load. Callers wait once, then never; nothing
// piles up; what was acknowledged arrives; all is normal soon after.
import assert from "node:assert/strict";
import { systemClock } from "../../src/system.ts";
import { callWithin } from "../harness/cache_services.ts";
import { connectReplica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { NAMESPACE, pause, read, set, untilCopied } from "./one_byte.ts";

const FREEZE_MS = 10_000;
const TIMEOUT_MS = 1000;
const CALLERS = 200;
const PAUSE_MS = 50;
const MAX_GROWTH_BYTES = 100 * 1024 * 1024;
/** A busy machine may hold everything up for so long. */
const SLACK_MS = 500;
const READ_KEYS = Array.from({ length: 100 }, (_, i) => `read-${i}`);
/** One for each caller that writes, so that its last write is the last one. */
const WRITTEN_KEYS = Array.from({ length: CALLERS / 4 }, (_, i) => `written-${i}`);

interface Sample {
  readonly caller: number;
  readonly beganAtMs: number;
  readonly tookMs: number;
  readonly degraded: boolean;
}

serverTest({
  name: `Redis frozen for ${FREEZE_MS} ms under load: one timeout, then answers at once`,
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using replica = await connectReplica({
      addresses: [redis.address],
      poolSize: 10,
      timeoutMs: TIMEOUT_MS,
    });
    for (const key of READ_KEYS) await set(replica, { key, byte: 1 });
    await Promise.all(READ_KEYS.map((key) => untilCopied(replica, key)));

    const samples: Sample[] = [];
    let frozenAtMs = 0;
    let thawedAtMs = 0;
    let byte = 0;
    const acknowledged = new Map<string, number>();
    const callOnce = async (caller: number): Promise<boolean> => {
      if (caller % 4 === 0) {
        const key = WRITTEN_KEYS[caller / 4] ?? "";
        const written = byte = byte % 250 + 1;
        const degraded = await set(replica, { key, byte: written });
        acknowledged.set(key, written);
        return degraded;
      }
      const request = { namespace: NAMESPACE, key: READ_KEYS[caller % READ_KEYS.length] ?? "" };
      const call = { ...callWithin(systemClock), noCache: true };
      const answer = await replica.service.get(request, call);
      // Later a connection may be back, and its old copies gone, before the breaker lets all calls pass.
      assert(answer.found || thawedAtMs > 0, "a copy was held of every key that is read");
      return answer.degraded;
    };
    let isOver = false;
    const keepCalling = async (caller: number): Promise<void> => {
      while (!isOver) {
        const beganAtMs = performance.now();
        const degraded = await callOnce(caller);
        samples.push({ caller, beganAtMs, tookMs: performance.now() - beganAtMs, degraded });
        await pause(PAUSE_MS);
      }
    };
    const calling = Promise.all(Array.from({ length: CALLERS }, (_, i) => keepCalling(i)));
    calling.catch(() => {});
    let growth = 0;
    try {
      await pause(500);
      const before = Deno.memoryUsage();
      redis.freeze();
      frozenAtMs = performance.now();
      await pause(FREEZE_MS);
      const after = Deno.memoryUsage();
      growth = Math.max(after.heapUsed - before.heapUsed, after.external - before.external);
      assert(replica.local.journal.size <= WRITTEN_KEYS.length);
      thawedAtMs = performance.now();
      redis.thaw();
      await pause(4000);
    } finally {
      isOver = true;
      redis.thaw();
      await calling;
    }

    const during = samples.filter(({ beganAtMs }) =>
      beganAtMs >= frozenAtMs && beganAtMs < thawedAtMs
    );
    // A write waits until it certainly does not land any more: a little longer than its timeout.
    const longest = Math.max(...during.map(({ tookMs }) => tookMs));
    assert(longest < TIMEOUT_MS + SLACK_MS, `a call took ${longest} ms`);
    const slow = samples.filter(({ beganAtMs, tookMs }) =>
      beganAtMs < thawedAtMs && beganAtMs + tookMs > frozenAtMs && tookMs > SLACK_MS
    );
    assert.equal(new Set(slow.map(({ caller }) => caller)).size, slow.length, "one waited twice");
    const later = during.filter(({ beganAtMs }) =>
      beganAtMs > frozenAtMs + TIMEOUT_MS + 2 * SLACK_MS
    );
    assert(later.length > CALLERS * 10, `only ${later.length} calls`);
    assert(later.every(({ degraded }) => degraded));
    const times = later.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
    const p95 = times[Math.floor(times.length * 0.95)] ?? Infinity;
    assert(p95 < 50, `with the breaker open 95 % of the calls took up to ${p95} ms`);
    assert((times.at(-1) ?? Infinity) < SLACK_MS, `one of them took ${times.at(-1)} ms`);
    assert(growth < MAX_GROWTH_BYTES, `memory grew by ${growth} bytes`);

    const degradedLast = samples.filter(({ degraded }) => degraded)
      .reduce((last, { beganAtMs }) => Math.max(last, beganAtMs), 0);
    const backMs = degradedLast - thawedAtMs;
    assert(backMs < 1000 + SLACK_MS, `degraded until ${backMs} ms after the thaw`);
    assert.equal(replica.local.journal.size, 0);
    await using other = await connectReplica({ addresses: [redis.address] });
    for (const [key, wanted] of acknowledged) {
      await waitFor(async () => (await read(replica, key)).byte === (await read(other, key)).byte, {
        deadlineMs: 5000,
        what: "both to agree",
      });
      assert.equal((await read(other, key)).byte, wanted);
    }
  },
});
