import assert from "node:assert/strict";
import type {
  EventHandler,
  InvalidationBus,
  InvalidationEvent,
  Subscription,
} from "../../src/core/bus.ts";
import { CacheError } from "../../src/core/errors.ts";
import { eventNames, Heard, namedEvent } from "../harness/heard_events.ts";
import { waitFor } from "../support/wait_for.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 20 };
const MAX_IN_FLIGHT = 16;
const MEBIBYTE = 1024 * 1024;

/** A message among the dead letters. */
export interface BuriedMessage {
  readonly reason: string;
  readonly detail: string;
  readonly body: Uint8Array;
}

/** The kind of bus under test. Buses that are opened with the same topic meet. */
export interface BusesUnderTest {
  /**
   * A bus of one replica. Once it says that it is connected, what it was subscribed to before brings
   * it all that is published.
   */
  open(topic: string): InvalidationBus;
  /** Absent where there is no broker, and so nobody who could bring a message again. */
  readonly broker?: {
    /** Publishes what another service might; resolves when the broker has it. */
    publishRaw(topic: string, message: Uint8Array): Promise<void>;
    /** The dead letters of the topic that came since the last call. */
    deadLetters(topic: string): Promise<readonly BuriedMessage[]>;
  };
}

/** What every bus promises, one step a promise, each on a topic of its own. */
export async function checkBusContract(
  context: Deno.TestContext,
  buses: BusesUnderTest,
): Promise<void> {
  const step = (name: string, check: (topic: Topic) => Promise<void>): Promise<boolean> =>
    context.step(name, async () => {
      await using topic = new Topic(buses);
      await check(topic);
    });
  await step("one of the shared subscribers and every private one gets an event", eachOnce);
  await step("values, odd keys and the time come as they were published", roundTrip);
  await step("a closed bus takes no events, publishes none and may be closed again", closed);
  const { broker } = buses;
  if (broker === undefined) return;
  await step("an event comes again after the store was away, and the others too", comesAgain);
  await step("a poison message goes to the dead letters and holds nothing up", poison(broker));
  await step("what the handler refuses goes to the dead letters", refused(broker));
  await step("at most 16 events are taken; closing finishes those, others get the rest", drain);
  await step("what was published while nobody subscribed arrives later", whileAway);
}

/** Opens buses on a topic of one step, and closes them. */
class Topic implements AsyncDisposable {
  readonly name = `contract-${crypto.randomUUID()}`;
  readonly #buses: BusesUnderTest;
  readonly #opened: InvalidationBus[] = [];

  constructor(buses: BusesUnderTest) {
    this.#buses = buses;
  }

  async open(
    subscriptions: Partial<Record<Subscription, EventHandler>> = {},
  ): Promise<InvalidationBus> {
    const bus = this.#buses.open(this.name);
    this.#opened.push(bus);
    const { shared, private: own } = subscriptions;
    if (shared !== undefined) bus.subscribe("shared", shared);
    if (own !== undefined) bus.subscribe("private", own);
    const isUp = (): boolean => ["connected", "disabled"].includes(bus.status());
    await waitFor(isUp, { ...DEADLINE, what: "the bus to connect" });
    return bus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((bus) => bus.close()));
  }
}

async function eachOnce(topic: Topic): Promise<void> {
  const replicas = [0, 1].map(() => ({ shared: new Heard(), private: new Heard() }));
  for (const { shared, private: own } of replicas) {
    await topic.open({ shared: shared.handler, private: own.handler });
  }
  const publisher = await topic.open();
  const names = eventNames(100);
  await Promise.all(names.map((name) => publisher.publish(namedEvent(name))));
  for (const replica of replicas) await replica.private.until(names);
  const shared = (): readonly string[] => replicas.flatMap(({ shared }) => shared.names);
  const allCame = (): boolean => shared().length >= names.length;
  await waitFor(allCame, { ...DEADLINE, what: "the shared subscription to get all events" });
  assert.deepEqual(shared().toSorted(), names);
  for (const replica of replicas) assert.deepEqual(replica.private.names, names);
}

async function roundTrip(topic: Topic): Promise<void> {
  const heard = new Heard();
  await topic.open({ shared: heard.handler });
  const publisher = await topic.open();
  const keys = [
    "__proto__",
    "toString",
    "a/b%2F",
    "\u0000",
    "ключ",
    "🔑",
    "\ufeff",
    '"',
    "k".repeat(512),
  ];
  const events = [
    namedEvent("", {
      keys,
      action: "update",
      ttlSeconds: 60,
      values: new Map([
        ["__proto__", Uint8Array.from({ length: 256 }, (_, i) => i)],
        ["🔑", new Uint8Array(0)],
        ["a/b%2F", new Uint8Array(500_000).fill(7)],
      ]),
    }),
    namedEvent("plain update", { action: "update" }),
    namedEvent("delete", { namespace: "Other.name-1_x" }),
  ];
  for (const each of events) await publisher.publish(each);
  await heard.until(["__proto__", "plain update", "delete"]);
  const byName = (a: InvalidationEvent, b: InvalidationEvent): number =>
    `${a.keys[0]}` < `${b.keys[0]}` ? -1 : 1;
  assert.deepEqual(heard.events.toSorted(byName), events.toSorted(byName));
}

async function closed(topic: Topic): Promise<void> {
  const [before, after] = [new Heard(), new Heard()];
  const bus = await topic.open({ private: before.handler });
  await topic.open({ private: after.handler });
  const publisher = await topic.open();
  await Promise.all([bus.close(), bus.close()]);
  await bus.close();
  // A store may refuse to track just then.
  bus.subscribe("private", () => Promise.resolve());
  await publisher.publish(namedEvent("later"));
  await after.until(["later"]);
  assert.deepEqual(before.names, []);
  if (bus.status() === "disabled") return;
  assert.equal(bus.status(), "disconnected");
  await assert.rejects(
    () => bus.publish(namedEvent("never")),
    (error) => error instanceof CacheError && error.code === "broker_unavailable",
  );
}

async function comesAgain(topic: Topic): Promise<void> {
  const heard = new Heard();
  let outages = 0;
  const handler: EventHandler = (event) => {
    // While it is away it is away for all events.
    if (outages < 3 && (outages > 0 || event.keys[0] === "e010")) {
      outages++;
      return Promise.reject(new CacheError("circuit_open", "The store is away."));
    }
    return heard.handler(event);
  };
  await topic.open({ shared: handler });
  const publisher = await topic.open();
  const names = eventNames(50);
  await Promise.all(names.map((name) => publisher.publish(namedEvent(name))));
  await heard.until(names);
  assert.equal(outages, 3);
}

type Broker = NonNullable<BusesUnderTest["broker"]>;

const POISON: readonly (readonly [string, Uint8Array])[] = [
  ["not_json", bytes("{")],
  ["not_json", Uint8Array.of(0xff, 0xfe, 0)],
  ["not_json", new Uint8Array(0)],
  ["wrong_shape", bytes('"text"')],
  ["wrong_shape", bytes(JSON.stringify({ namespace: "n", keys: "k", action: "delete" }))],
  ["invalid_namespace", bytes(JSON.stringify({ namespace: "a b", keys: ["k"] }))],
  ["unknown_version", bytes(JSON.stringify({ version: 2 }))],
  [
    "too_many_keys",
    bytes(JSON.stringify({
      namespace: "n",
      keys: Array.from({ length: 100_000 }, (_, i) => `${i}`),
      action: "delete",
      timestamp: 1,
    })),
  ],
];

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function poison(broker: Broker): (topic: Topic) => Promise<void> {
  return async (topic) => {
    const heard = new Heard();
    await topic.open({ shared: heard.handler });
    const publisher = await topic.open();
    await publisher.publish(namedEvent("first"));
    // Kafka refuses larger messages than this one by default, RabbitMQ much larger ones.
    const tooLarge = new Uint8Array(MEBIBYTE + 1).fill(0x20);
    for (const [, message] of POISON) await broker.publishRaw(topic.name, message);
    await broker.publishRaw(topic.name, tooLarge);
    await publisher.publish(namedEvent("last"));
    await heard.until(["first", "last"]);
    const letters = await deadLetters(broker, { topic, count: POISON.length + 1 });
    const wanted = [...POISON, ["too_large", new Uint8Array(0)] as const];
    assert.deepEqual(
      letters.map(fingerprint).toSorted(),
      wanted.map(([reason, body]) => fingerprint({ reason, body, detail: "" })).toSorted(),
    );
    const large = letters.find(({ reason }) => reason === "too_large");
    assert.match(large?.detail ?? "", new RegExp(`${tooLarge.length}`));
    assert(letters.every(({ detail }) => detail.length > 0));
    assert.deepEqual(heard.names, ["first", "last"]);
  };
}

function fingerprint({ reason, body }: BuriedMessage): string {
  return `${reason} ${body.length} ${new Uint8Array(body.subarray(0, 64)).toHex()}`;
}

async function deadLetters(
  broker: Broker,
  { topic, count }: { readonly topic: Topic; readonly count: number },
): Promise<readonly BuriedMessage[]> {
  const letters: BuriedMessage[] = [];
  await waitFor(async () => {
    letters.push(...await broker.deadLetters(topic.name));
    return letters.length >= count;
  }, { ...DEADLINE, what: `${count} dead letters` });
  assert.equal(letters.length, count);
  return letters;
}

function refused(broker: Broker): (topic: Topic) => Promise<void> {
  return async (topic) => {
    const heard = new Heard();
    const handler: EventHandler = async (event) => {
      if (event.keys[0] === "bad") throw new TypeError("k3y-in-a-message");
      if (event.keys[0] === "coded") throw new CacheError("encryption_failed", "No.");
      await heard.handler(event);
    };
    await topic.open({ shared: handler });
    const publisher = await topic.open();
    for (const name of ["first", "bad", "coded", "last"]) await publisher.publish(namedEvent(name));
    await heard.until(["first", "last"]);
    const letters = await deadLetters(broker, { topic, count: 2 });
    assert.deepEqual(letters.map(({ reason }) => reason), ["refused", "refused"]);
    assert.match(letters.map(({ detail }) => detail).join(), /encryption_failed/);
    assert(letters.every(({ detail }) => !detail.includes("k3y")));
    const text = letters.map(({ body }) => new TextDecoder().decode(body)).join();
    assert.match(text, /"bad"/);
    assert.match(text, /"coded"/);
  };
}

async function drain(topic: Topic): Promise<void> {
  const [first, second] = [new Heard(), new Heard()];
  const gate = Promise.withResolvers<void>();
  let taken = 0;
  const leaving = await topic.open({
    shared: async (event) => {
      taken++;
      await gate.promise;
      // Longer than the broker needs to agree to anything.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await first.handler(event);
    },
  });
  const publisher = await topic.open();
  const names = eventNames(40);
  await Promise.all(names.map((name) => publisher.publish(namedEvent(name))));
  await waitFor(() => taken > 0, { ...DEADLINE, what: "an event to be taken" });
  const leave = leaving.close();
  const takenAtClose = taken;
  gate.resolve();
  await leave;
  assert(taken <= MAX_IN_FLIGHT, `${taken} events were taken at a time`);
  assert.equal(taken, takenAtClose);
  assert.equal(first.names.length, taken);
  await topic.open({ shared: second.handler });
  await second.until(names.filter((name) => !first.names.includes(name)));
  assert.deepEqual([...first.names, ...second.names].toSorted(), names);
}

async function whileAway(topic: Topic): Promise<void> {
  const [before, after] = [new Heard(), new Heard()];
  const bus = await topic.open({ shared: before.handler });
  const publisher = await topic.open();
  await publisher.publish(namedEvent("before"));
  await before.until(["before"]);
  await bus.close();
  const names = eventNames(30);
  for (const name of names) await publisher.publish(namedEvent(name));
  await topic.open({ shared: after.handler });
  await after.until(names);
  assert.deepEqual(before.names, ["before"]);
  assert.deepEqual(after.names, names);
}
