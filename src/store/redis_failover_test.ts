import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { FakeConnection } from "../../tests/support/fake_connection.ts";
import { RedisFailover } from "./redis_failover.ts";

/** As its own `INFO replication` says. */
const MASTER = { info: "# Replication\r\nrole:master\r\n" };
const REPLICA = { info: "# Replication\r\nrole:slave\r\n" };
const ignore = (): void => {};
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

interface Followed {
  readonly clock: FakeClock;
  readonly failover: RedisFailover;
  /** The only one of the pool, to a replica. */
  readonly connection: FakeConnection;
  /** Those of the looks so far. */
  readonly opened: readonly FakeConnection[];
  readonly demoted: () => Promise<void>;
}

/** Follows by looks that use `scouts` in turn. */
function follow(scouts: readonly FakeConnection[]): Followed {
  const clock = new FakeClock();
  const connection = new FakeConnection(REPLICA);
  const opened: FakeConnection[] = [];
  const failover = new RedisFailover({
    clock,
    logger,
    connections: () => [connection.asRedis],
    open: () => {
      const scout = scouts[opened.length] ?? new FakeConnection();
      opened.push(scout);
      return scout.asRedis;
    },
  });
  const demoted = (): Promise<void> => failover.demoted(connection.asRedis);
  return { clock, connection, failover, opened, demoted };
}

Deno.test("a look that a refusing port keeps from connecting is not the last", async () => {
  const scouts = [new FakeConnection(), new FakeConnection(MASTER)];
  const { clock, connection, opened, demoted } = follow(scouts);
  const first = demoted();
  scouts[0]?.become("reconnecting");
  await clock.advance(2000);
  await first;
  assert.deepEqual(scouts[0]?.disconnects, [false]);
  assert.deepEqual(connection.disconnects, []);
  const second = demoted();
  assert.equal(opened.length, 2);
  scouts[1]?.become("ready");
  await second;
  assert.deepEqual(connection.disconnects, [true]);
});

Deno.test("one look at a time, and two seconds from one to the next", async () => {
  const { clock, opened, demoted } = follow([new FakeConnection(REPLICA)]);
  void demoted();
  await demoted();
  opened[0]?.become("ready");
  await clock.advance(1999);
  await demoted();
  assert.equal(opened.length, 1);
  await clock.advance(1);
  void demoted();
  assert.equal(opened.length, 2);
});

Deno.test("a look whose server falls silent after the connection is given up", async () => {
  const { clock, connection, opened, demoted } = follow([new FakeConnection()]);
  const look = demoted();
  opened[0]?.become("connect");
  opened[0]?.become("ready");
  await clock.advance(1500);
  await look;
  assert.deepEqual(opened[0]?.disconnects, [false]);
  assert.deepEqual(connection.disconnects, []);
});

Deno.test("stop ends a look between two attempts, leaves no timer and allows no other", async () => {
  const { clock, connection, failover, opened, demoted } = follow([new FakeConnection(MASTER)]);
  const look = demoted();
  opened[0]?.become("reconnecting");
  const stopped = failover.stop();
  await look;
  await clock.advance(100);
  await stopped;
  assert.deepEqual(opened[0]?.disconnects, [false]);
  assert.equal(clock.pendingTimers, 0);
  await clock.advance(10_000);
  await demoted();
  assert.equal(opened.length, 1);
  assert.deepEqual(connection.disconnects, []);
});
