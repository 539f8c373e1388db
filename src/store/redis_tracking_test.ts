import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { FakeConnection } from "../../tests/support/fake_connection.ts";
import { RedisTracking } from "./redis_tracking.ts";

const ANSWERS = {
  "client ID": 7,
  client: "OK",
  info: "run_id:abc\r\n",
  subscribe: 1,
  ping: "PONG",
};
const TIMEOUTS = { pingTimeoutMs: 1500, sessionTimeoutMs: 3000 };
const ignore = (): void => {};

interface Tracked {
  readonly clock: FakeClock;
  readonly tracking: RedisTracking;
  /** All that were opened. */
  readonly subscribers: readonly FakeConnection[];
  readonly beat: (...connections: readonly FakeConnection[]) => void;
}

function track(): Tracked {
  const clock = new FakeClock();
  const subscribers: FakeConnection[] = [];
  const tracking = new RedisTracking({
    clock,
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    keyPrefix: "",
    listener: { changed: ignore, allChanged: ignore },
    openSubscriber: () => {
      const subscriber = new FakeConnection(ANSWERS);
      subscribers.push(subscriber);
      return subscriber.asRedis;
    },
  });
  const beat = (...connections: readonly FakeConnection[]): void =>
    tracking.beat(new Set(connections.map(({ asRedis }) => asRedis)), TIMEOUTS);
  return { clock, tracking, subscribers, beat };
}

Deno.test("a connection to a master that was demoted is let alone until it comes back", async () => {
  const { clock, tracking, subscribers, beat } = track();
  const connection = new FakeConnection(ANSWERS);
  connection.become("ready");
  const before = connection.eventNames();
  for (const times of [1, 2, 3]) {
    beat(connection);
    subscribers.at(-1)?.become("ready");
    await clock.advance(0);
    const lease = tracking.leaseOf(connection.asRedis);
    assert.equal(lease?.trusted(), true);
    assert.equal(connection.listenerCount("close"), 1);
    assert.equal(connection.listenerCount("ready"), 1);

    beat();
    assert.deepEqual(connection.eventNames(), before);
    connection.become("close");
    connection.become("ready");
    assert.equal(subscribers.length, times);
    assert.deepEqual([lease?.trusted(), lease?.superseded()], [false, true]);
    assert.equal(tracking.leaseOf(connection.asRedis), undefined);
  }
});
