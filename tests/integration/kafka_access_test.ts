import assert from "node:assert/strict";
import type { KafkaBusOptions } from "../../src/bus/kafka_bus.ts";
import { Secret } from "../../src/core/secret.ts";
import type { LogFields, Logger } from "../../src/core/telemetry.ts";
import { Heard, namedEvent } from "../harness/heard_events.ts";
import { isConnected, kafkaBus } from "../harness/kafka_buses.ts";
import { silentLogger } from "../harness/silent.ts";
import { serverTest, sharedServer } from "../support/backends.ts";
import { freePort } from "../support/free_port.ts";
import { KAFKA_PROGRAMS, startKafka } from "../support/kafka_server.ts";
import { waitFor } from "../support/wait_for.ts";

const needs = KAFKA_PROGRAMS;
const USER = { name: "cache", password: "right-s3cret" };
const server = sharedServer({ needs, start: () => startKafka({ user: USER }) });

/** A bus with these settings carries an event from end to end. */
async function carries(access: Partial<KafkaBusOptions>): Promise<void> {
  const topic = `events-${crypto.randomUUID()}`;
  const applied = new Heard();
  const bus = kafkaBus({ urls: [server().address], topic, groupId: topic, ...access });
  try {
    bus.subscribe("shared", applied.handler);
    await isConnected(bus);
    await bus.publish(namedEvent("one"));
    await applied.until(["one"]);
  } finally {
    await bus.close();
  }
}

/** The first warning of a bus with these settings, and everything that it logged until closed. */
async function warningOf(
  access: Partial<KafkaBusOptions>,
): Promise<{ readonly warning: LogFields; readonly log: string }> {
  const lines: unknown[] = [];
  const warnings: LogFields[] = [];
  const logger: Logger = {
    ...silentLogger,
    debug: (message, fields) => lines.push(message, fields),
    warn(message, fields): void {
      lines.push(message, fields);
      if (message === "Kafka is not reached.") warnings.push(fields ?? {});
    },
  };
  const bus = kafkaBus({ urls: [server().address], topic: "events", logger, ...access });
  try {
    const warning = await waitFor(() => warnings[0], { deadlineMs: 20_000, what: "a warning" });
    assert.equal(bus.status(), "disconnected");
    return { warning, log: JSON.stringify(lines) };
  } finally {
    await bus.close();
  }
}

async function secured(): Promise<Pick<KafkaBusOptions, "urls" | "tls" | "username" | "password">> {
  const { port, caFile } = server().secured ?? { port: 0, caFile: "" };
  return {
    urls: [`127.0.0.1:${port}`],
    tls: { ca: await Deno.readTextFile(caFile) },
    username: USER.name,
    password: new Secret(USER.password),
  };
}

serverTest({
  name: "Kafka is reached with TLS of a private authority, user and password",
  needs,
  fn: async () => await carries(await secured()),
});

serverTest({
  name: "one of several Kafka brokers may be dead",
  needs,
  fn: () => carries({ urls: [`127.0.0.1:${freePort()}`, server().address] }),
});

serverTest({
  name: "a wrong password is told, but not which",
  needs,
  async fn(): Promise<void> {
    const access = { ...await secured(), password: new Secret("wr0ng-s3cret") };
    const { warning, log } = await warningOf(access);
    assert.equal(warning.reason, "authentication");
    assert.match(String(warning.error), /Invalid username or password/);
    assert(!log.includes("s3cret"), log);
  },
});

serverTest({
  name: "a certificate of an unknown authority is told",
  needs,
  async fn(): Promise<void> {
    const { warning } = await warningOf({ ...await secured(), tls: {} });
    assert.equal(warning.reason, "tls");
    assert.match(String(warning.error), /certificate/);
  },
});

serverTest({
  name: "a topic that can be neither found nor created is told",
  needs,
  async fn(): Promise<void> {
    const { warning } = await warningOf({ topic: "no such name!" });
    assert.equal(warning.reason, "invalid_topic_exception");
    assert.match(String(warning.error), /no such name!/);
  },
});
