// Requirements 3.1, 9.1: the settings of TLS reach the broker's client.
import { startTestApp } from "../harness/apps.ts";
import { serverTest } from "../support/backends.ts";
import { RABBITMQ_PROGRAMS, startRabbitmq } from "../support/rabbitmq_server.ts";
import { waitFor } from "../support/wait_for.ts";

serverTest({
  name: "with an amqps:// URL BROKER_TLS_CA_FILE is enough to trust RabbitMQ",
  needs: [...RABBITMQ_PROGRAMS, "openssl"],
  async fn(): Promise<void> {
    await using server = await startRabbitmq({ tls: true });
    await using app = await startTestApp({
      BROKER_TYPE: "rabbitmq",
      BROKER_URL: `amqps://127.0.0.1:${server.tls?.port}`,
      BROKER_TLS_CA_FILE: server.tls?.caFile ?? "",
    });
    await waitFor(
      async () => {
        const { broker_status: status } = await (await fetch(`${app.origin}/health`)).json();
        return status === "connected";
      },
      { deadlineMs: 10_000, what: "the service to reach RabbitMQ over TLS" },
    );
  },
});
