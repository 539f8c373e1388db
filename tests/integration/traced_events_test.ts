// Requirement 6.7: an event that a traced call publishes tells what it is a part of.
import assert from "node:assert/strict";
import { startTestApp } from "../harness/apps.ts";
import { RabbitmqPeer } from "../harness/rabbitmq_buses.ts";
import { serverTest } from "../support/backends.ts";
import { OtlpReceiver } from "../support/otlp_receiver.ts";
import { RABBITMQ_PROGRAMS, startRabbitmq } from "../support/rabbitmq_server.ts";
import { waitFor } from "../support/wait_for.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const DEADLINE = { deadlineMs: 20_000 };

serverTest({
  name: "an invalidation carries its trace to RabbitMQ",
  needs: RABBITMQ_PROGRAMS,
  async fn(): Promise<void> {
    await using rabbitmq = await startRabbitmq();
    await using receiver = OtlpReceiver.start();
    await using app = await startTestApp({
      BROKER_TYPE: "rabbitmq",
      BROKER_URL: rabbitmq.url,
      TRACING_ENABLED: "true",
      TRACING_ENDPOINT: receiver.endpoint,
    });
    const isConnected = async (): Promise<boolean> =>
      (await (await fetch(`${app.origin}/health`)).json()).broker_status === "connected";
    await waitFor(isConnected, { ...DEADLINE, what: "the broker to be reached" });
    await using peer = await RabbitmqPeer.open(rabbitmq.url);
    const { queue } = await peer.channel.assertQueue("", { exclusive: true });
    await peer.channel.bindQueue(queue, "cache-invalidation", "");
    const answer = await fetch(`${app.origin}/api/v1/cache/n/invalidate`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "traceparent": `00-${TRACE_ID}-b7ad6b7169203331-01`,
      },
      body: '{"keys":["k"]}',
    });
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
    const next = async () => (await peer.channel.get(queue, { noAck: true })) || undefined;
    const message = await waitFor(next, {
      ...DEADLINE,
      what: "the event",
    });
    const [, traceId, parentId] = `${message.properties.headers?.traceparent}`.split("-");
    assert.equal(traceId, TRACE_ID);
    const publish = await receiver.spanNamed("publish");
    assert.equal(publish.spanId, parentId);
  },
});
