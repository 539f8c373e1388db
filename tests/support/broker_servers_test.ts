import { serverTest } from "./backends.ts";
import { KAFKA_PROGRAMS, startKafka } from "./kafka_server.ts";
import { RABBITMQ_PROGRAMS, startRabbitmq } from "./rabbitmq_server.ts";

const user = { name: "cache", password: "secret" };

async function reach(port: number): Promise<void> {
  (await Deno.connect({ hostname: "127.0.0.1", port })).close();
}

serverTest({
  name: "RabbitMQ starts, comes back on its port after a kill, and leaves nothing",
  needs: RABBITMQ_PROGRAMS,
  async fn(): Promise<void> {
    await using server = await startRabbitmq({ tls: true, user });
    await reach(server.port);
    await server.restart();
    await reach(server.port);
    await reach(server.tls?.port ?? 0);
  },
});

serverTest({
  name: "Kafka starts, comes back on its port after a kill, and leaves nothing",
  needs: KAFKA_PROGRAMS,
  async fn(): Promise<void> {
    await using server = await startKafka({ user });
    await reach(server.port);
    await server.restart();
    await reach(server.port);
    await reach(server.secured?.port ?? 0);
  },
});
