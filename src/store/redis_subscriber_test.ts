import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { FakeConnection } from "../../tests/support/fake_connection.ts";
import { RedisSubscriber } from "./redis_subscriber.ts";

const ANSWERS = { "client ID": 7, info: "run_id:abc\r\n", subscribe: 1, ping: "PONG" };
const TIMEOUTS = { pingTimeoutMs: 1500, sessionTimeoutMs: 3000 };

interface Subscribed {
  readonly subscriber: RedisSubscriber;
  /** Lets so much time pass, with a beat every half second. */
  readonly beats: (ms: number) => Promise<void>;
}

function subscribe(connection: FakeConnection): Subscribed {
  const clock = new FakeClock();
  const subscriber = new RedisSubscriber(connection.asRedis, {
    clock,
    keyPrefix: "",
    listener: { changed: () => {}, allChanged: () => {} },
    onSession: () => {},
    onFailure: () => true,
  });
  const beats = async (ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += 500) {
      await clock.advance(500);
      subscriber.beat(TIMEOUTS);
    }
  };
  return { subscriber, beats };
}

for (const statuses of [["connect"], ["connect", "ready"]] as const) {
  const last = statuses.at(-1);
  Deno.test(`a connection that comes no further than "${last}" is given up, each time`, async () => {
    const connection = new FakeConnection();
    const { beats } = subscribe(connection);
    // While nothing has accepted it, the client's own timeout sees to it.
    await beats(10_000);
    for (const times of [1, 2]) {
      for (const status of statuses) connection.become(status);
      await beats(3000);
      assert.equal(connection.disconnects.length, times - 1);
      await beats(500);
      assert.equal(connection.disconnects.length, times);
      await beats(10_000);
      assert.equal(connection.disconnects.length, times);
    }
    assert.deepEqual(connection.disconnects, [true, true]);
  });
}

Deno.test("a connection with a session is kept while its pings are answered", async () => {
  const connection = new FakeConnection(ANSWERS);
  const { subscriber, beats } = subscribe(connection);
  connection.become("connect");
  await beats(2500);
  connection.become("ready");
  await beats(10_000);
  assert.equal(subscriber.session?.id, 7);
  assert.deepEqual(connection.disconnects, []);
});
