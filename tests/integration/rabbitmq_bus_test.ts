import assert from "node:assert/strict";
import type { RabbitmqBus } from "../../src/bus/rabbitmq_bus.ts";
import type { EventHandler } from "../../src/core/bus.ts";
import { CacheError } from "../../src/core/errors.ts";
import { eventNames, Heard, namedEvent } from "../harness/heard_events.ts";
import { rabbitmqBus, RabbitmqPeer, TEST_GROUP_ID } from "../harness/rabbitmq_buses.ts";
import { RecordingLogger } from "../harness/recording_logger.ts";
import { silentMeter } from "../harness/silent.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { freePort } from "../support/free_port.ts";
import {
  RABBITMQ_PROGRAMS,
  type RabbitmqServer,
  startRabbitmq,
} from "../support/rabbitmq_server.ts";
import { waitFor } from "../support/wait_for.ts";

const needs = RABBITMQ_PROGRAMS;
const rabbitmq = sharedServer({ needs, start: startRabbitmq });
const DEADLINE = { deadlineMs: 60_000, intervalMs: 20 };

type Overrides = Partial<Parameters<typeof rabbitmqBus>[0]>;

/** Opens buses on a topic of one test, and closes them after it. */
class Replicas implements AsyncDisposable {
  readonly topic = `test-${crypto.randomUUID()}`;
  readonly #url: string;
  readonly #buses: RabbitmqBus[] = [];

  constructor(server: Pick<RabbitmqServer, "url">) {
    this.#url = server.url;
  }

  open(overrides: Overrides & { readonly shared?: EventHandler } = {}): RabbitmqBus {
    const bus = rabbitmqBus({ urls: [this.#url], topic: this.topic, ...overrides });
    if (overrides.shared !== undefined) bus.subscribe("shared", overrides.shared);
    this.#buses.push(bus);
    return bus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#buses.map((bus) => bus.close()));
  }
}

async function connected(...buses: readonly RabbitmqBus[]): Promise<void> {
  const isUp = (): boolean => buses.every((bus) => bus.status() === "connected");
  await waitFor(isUp, { ...DEADLINE, what: "the buses to connect" });
}

async function logged(logger: RecordingLogger, pattern: RegExp): Promise<string> {
  const line = (): string | undefined => logger.faults.find((text) => pattern.test(text));
  return await waitFor(line, { ...DEADLINE, what: `a warning that matches ${pattern}` });
}

function isUnavailable(error: unknown): boolean {
  return error instanceof CacheError && error.code === "broker_unavailable" &&
    error.retryAfterSeconds === 1;
}

serverTest({
  name: "RabbitMQ may be absent at the start, arrive later, and be restarted under load",
  needs,
  async fn(): Promise<void> {
    await using server = await startRabbitmq();
    await server.kill();
    await using replicas = new Replicas(server);
    const heard = new Heard();
    const logger = new RecordingLogger();
    const buses = [0, 1].map(() => replicas.open({ shared: heard.handler, logger }));
    const publisher = replicas.open();
    await logged(logger, /The connection to RabbitMQ failed.*ECONNREFUSED/);
    await assert.rejects(() => publisher.publish(namedEvent("early")), isUnavailable);
    await server.launch();
    await connected(...buses, publisher);

    const names = eventNames(600);
    const publishing = publishAll(publisher, names);
    for (const count of [100, 300]) {
      await waitFor(() => heard.events.length > count, { ...DEADLINE, what: "load" });
      await server.restart();
    }
    await publishing;
    await heard.until(names, DEADLINE.deadlineMs);
    // Each replica said once that nobody listens, however often it tried.
    const refusals = logger.faults.filter((line) => line.includes("ECONNREFUSED"));
    assert(refusals.length <= 2 * 2, refusals.join("\n"));

    await Promise.all(buses.map((bus) => bus.close()));
    await publisher.publish(namedEvent("while all were away"));
    await server.restart();
    replicas.open({ shared: heard.handler });
    await heard.until(["while all were away"]);
  },
});

/** Publishes one after another, each until it is confirmed. */
async function publishAll(publisher: RabbitmqBus, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const isConfirmed = async (): Promise<boolean> => {
      await publisher.publish(namedEvent(name));
      return true;
    };
    await waitFor(isConfirmed, { ...DEADLINE, what: `the event ${name} to be confirmed` });
  }
}

serverTest({
  name: "a queue that is deleted is declared anew, and its consumer comes back",
  needs,
  async fn(): Promise<void> {
    await using replicas = new Replicas(rabbitmq());
    await using peer = await RabbitmqPeer.open(rabbitmq().url);
    const heard = new Heard();
    const logger = new RecordingLogger();
    const bus = replicas.open({ shared: heard.handler, logger });
    await connected(bus);
    await peer.channel.deleteQueue(`${replicas.topic}.${TEST_GROUP_ID}`);
    await logged(logger, /The broker ended the consumer/);
    await connected(bus);
    await bus.publish(namedEvent("after"));
    await heard.until(["after"]);
  },
});

serverTest({
  name: "an exchange or a queue with other settings is named with the difference, until it is gone",
  needs,
  async fn(): Promise<void> {
    await using replicas = new Replicas(rabbitmq());
    const { topic } = replicas;
    const queue = `${topic}.${TEST_GROUP_ID}`;
    await using peer = await RabbitmqPeer.open(rabbitmq().url);
    await peer.channel.assertExchange(topic, "direct", { durable: true });
    await peer.channel.assertQueue(queue, { durable: true });
    const heard = new Heard();
    const logger = new RecordingLogger();
    const bus = replicas.open({ shared: heard.handler, logger });
    assert((await logged(logger, /inequivalent arg 'type'.*'fanout'.*'direct'/)).includes(topic));
    assert.notEqual(bus.status(), "connected");
    await assert.rejects(() => bus.publish(namedEvent("early")), isUnavailable);
    await peer.channel.deleteExchange(topic);
    assert((await logged(logger, /inequivalent arg 'x-single-active-consumer'/)).includes(queue));
    await peer.channel.deleteQueue(queue);
    await connected(bus);
    await bus.publish(namedEvent("at last"));
    await heard.until(["at last"]);
  },
});

serverTest({
  name: "RabbitMQ is reached over TLS with user and password; faults of either are named",
  needs,
  async fn(): Promise<void> {
    const user = { name: "cache", password: "s3cret/pa:ss@%" };
    await using server = await startRabbitmq({ tls: true, user });
    const ca = await Deno.readTextFile(server.tls?.caFile ?? "");
    const urls = [`amqps://127.0.0.1:${server.tls?.port}`];
    await using replicas = new Replicas(server);
    const userinfo = `${user.name}:${encodeURIComponent(user.password)}`;
    const heard = new Heard();
    const inUrl = [`amqps://${userinfo}@127.0.0.1:${server.tls?.port}`];
    const good = replicas.open({ urls: inUrl, ca, shared: heard.handler });
    await connected(good);
    await good.publish(namedEvent("over TLS"));
    await heard.until(["over TLS"]);

    const logger = new RecordingLogger();
    const wrong = "wr0ng-password";
    replicas.open({
      urls: [`amqps://${user.name}:${wrong}@${urls[0]?.slice(8)}`],
      ca,
      logger,
    });
    await logged(logger, /ACCESS_REFUSED/);
    replicas.open({ urls: inUrl, logger });
    await logged(logger, /certificate|UnknownIssuer/i);
    replicas.open({ urls: [`amqp://127.0.0.1:${server.tls?.port}`], logger });
    await logged(logger, /closed|ended|reset|ECONNRESET|protocol/i);
    for (const line of logger.lines) {
      assert(!line.includes(wrong) && !line.includes("s3cret"), line);
    }
  },
});

serverTest({
  name: "while the store is away events wait in the queue, without a hot loop",
  needs,
  async fn(): Promise<void> {
    await using replicas = new Replicas(rabbitmq());
    await using peer = await RabbitmqPeer.open(rabbitmq().url);
    const heard = new Heard();
    const logger = new RecordingLogger();
    let isAway = true;
    let calls = 0;
    const retried: string[] = [];
    const longest = { uint32: () => 2 ** 32 - 1, bytes: (n: number) => new Uint8Array(n) };
    const bus = replicas.open({
      random: longest,
      logger,
      meter: { ...silentMeter, invalidationEvent: (...count) => retried.push(count.join(" ")) },
      shared: (event) => {
        calls++;
        if (!isAway) return heard.handler(event);
        return Promise.reject(new CacheError("redis_unavailable", "Redis is away."));
      },
    });
    await connected(bus);
    const names = eventNames(40);
    await Promise.all(names.map((name) => bus.publish(namedEvent(name))));
    const start = performance.now();
    // Pauses of 1 s and of 2 s lie between three attempts.
    await waitFor(() => calls > 32, { ...DEADLINE, what: "the third attempt" });
    assert(performance.now() - start > 2500, `three attempts in ${performance.now() - start} ms`);
    assert(calls <= 48, `${calls} calls`);
    await waitFor(async () => {
      const queue = await peer.channel.checkQueue(`${replicas.topic}.${TEST_GROUP_ID}`);
      return queue.messageCount === names.length && queue.consumerCount === 0;
    }, { ...DEADLINE, what: "all events to be back in the queue" });
    assert.equal(retried.length, calls);
    assert.deepEqual([...new Set(retried)], ["delete retried"]);
    assert.equal(logger.faults.length, 1, logger.faults.join("\n"));
    isAway = false;
    await heard.until(names);
  },
});

serverTest({
  name: "a replica whose store is away leaves the events to another one",
  needs,
  async fn(): Promise<void> {
    await using replicas = new Replicas(rabbitmq());
    const heard = new Heard();
    const outage = new CacheError("circuit_open", "Redis is away.");
    const first = replicas.open({ shared: () => Promise.reject(outage) });
    await connected(first);
    await connected(replicas.open({ shared: heard.handler }));
    const names = eventNames(40);
    await Promise.all(names.map((name) => first.publish(namedEvent(name))));
    await heard.until(names);
  },
});

serverTest({
  name: "one replica applies at a time; when it dies another one takes over what it had taken",
  needs,
  async fn(): Promise<void> {
    await using proxy = await startFaultProxy({
      target: { host: "127.0.0.1", port: rabbitmq().port },
    });
    await using replicas = new Replicas(rabbitmq());
    const [active, standby] = [new Heard(), new Heard()];
    const stuck = Promise.withResolvers<void>();
    const bus = replicas.open({
      urls: [`amqp://127.0.0.1:${proxy.port}`],
      shared: async (event) => {
        await active.handler(event);
        if (event.keys[0] !== "first") await stuck.promise;
      },
    });
    await connected(bus);
    const other = replicas.open({ shared: standby.handler });
    await connected(other);
    await other.publish(namedEvent("first"));
    await active.until(["first"]);
    const names = eventNames(40);
    await Promise.all(names.map((name) => other.publish(namedEvent(name))));
    await waitFor(() => active.events.length > 1, { ...DEADLINE, what: "events to be taken" });
    assert.deepEqual(standby.names, []);
    proxy.refuse();
    proxy.cut();
    await standby.until(names);
    stuck.resolve();
    assert.deepEqual(standby.names, names);
  },
});

serverTest({
  name:
    "a broker that freezes for 3 s confirms later; for longer, publishing is given up after 5 s",
  needs,
  async fn(): Promise<void> {
    await using replicas = new Replicas(rabbitmq());
    const heard = new Heard();
    const logger = new RecordingLogger();
    const bus = replicas.open({ shared: heard.handler, logger });
    await connected(bus);
    rabbitmq().freeze();
    try {
      const short = bus.publish(namedEvent("short"));
      await elapsed(3000);
      rabbitmq().thaw();
      await short;
      await heard.until(["short"]);
      rabbitmq().freeze();
      const start = performance.now();
      const names = eventNames(1000);
      const given = names.map((name) =>
        assert.rejects(bus.publish(namedEvent(name)), isUnavailable)
      );
      await assert.rejects(() => bus.publish(namedEvent("one too many")), isUnavailable);
      assert(performance.now() - start < 1000, "the bound is told at once");
      await Promise.all(given);
      const tookMs = performance.now() - start;
      assert(tookMs > 4900 && tookMs < 7000, `given up after ${tookMs} ms`);
      rabbitmq().thaw();
      // What was given up may have arrived all the same.
      await heard.until(names);
      await bus.publish(namedEvent("after"));
      await heard.until(["after"]);
      assert(!heard.names.includes("one too many"));
      assert.deepEqual(logger.faults, []);
    } finally {
      rabbitmq().thaw();
    }
  },
});

async function elapsed(ms: number): Promise<void> {
  const start = performance.now();
  const isOver = (): boolean => performance.now() - start >= ms;
  await waitFor(isOver, { deadlineMs: 2 * ms, what: `${ms} ms to pass` });
}

serverTest({
  name: "a bus closes soon and frees its sockets while its broker is frozen, silent or absent",
  needs,
  async fn(): Promise<void> {
    await using replicas = new Replicas(rabbitmq());
    const frozen = replicas.open({ shared: () => Promise.resolve() });
    await connected(frozen);
    assert.equal(await connectionsTo(rabbitmq().port), 1);
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const unanswered = replicas.open({ urls: [`amqp://127.0.0.1:${silent.addr.port}`] });
    using _connection = await silent.accept();
    const logger = new RecordingLogger();
    const refused = replicas.open({ urls: [`amqp://127.0.0.1:${freePort()}`], logger });
    await logged(logger, /ECONNREFUSED/);
    rabbitmq().freeze();
    try {
      const start = performance.now();
      await Promise.all([frozen, unanswered, refused].map((bus) => bus.close()));
      assert(performance.now() - start < 4000, `closed after ${performance.now() - start} ms`);
      await waitFor(async () => await connectionsTo(rabbitmq().port) === 0, {
        deadlineMs: 2000,
        what: "the sockets to be gone",
      });
    } finally {
      rabbitmq().thaw();
    }
  },
});

/** How many sockets of this machine are connected to the port and not closed on their side. */
async function connectionsTo(port: number): Promise<number> {
  const remote = new RegExp(`^ *\\d+: \\S+ \\S+:${port.toString(16).padStart(4, "0")} 01 `, "i");
  const table = await Deno.readTextFile("/proc/net/tcp");
  return table.split("\n").filter((line) => remote.test(line)).length;
}
