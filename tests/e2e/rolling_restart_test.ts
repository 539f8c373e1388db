// Requirements 8.1, 8.5, 9.5: replacing every process, one after another, costs no request.
import assert from "node:assert/strict";
import { serverTest } from "../support/backends.ts";
import { Balancer } from "./balancer.ts";
import { driverSteps, restSteps, Tally } from "./load.ts";
import { memorySettings, SERVES_GRPC, ServiceProcess } from "./service_process.ts";

const REST_CLIENTS = 16;
const GRPC_CLIENTS = SERVES_GRPC ? 3 : 0;
/** A free machine makes ten times as many. */
const LEAST_REQUESTS = 2_000;
const LEAST_OF_EACH_API = 100;

serverTest({
  name: `a rolling restart under load fails no request, over REST${SERVES_GRPC ? " and gRPC" : ""}`,
  needs: [],
  async fn(): Promise<void> {
    await using resources = new AsyncDisposableStack();
    const balancer = resources.use(new Balancer());
    const addService = async (): Promise<ServiceProcess> => {
      // The drain delay is longer than the balancer needs to notice that a process is not ready.
      const settings = { ...memorySettings(), SERVER_DRAIN_DELAY: "3s" };
      const service = resources.use(await ServiceProcess.start(settings));
      await balancer.add(service);
      return service;
    };
    const firstServices = [await addService(), await addService(), await addService()];

    let isOver = false;
    const rest = new Tally();
    const grpc = new Tally();
    const load = [
      ...Array.from(
        { length: REST_CLIENTS },
        (_, index) =>
          rest.repeat(restSteps(balancer.send, { client: `rest-${index}` }), () => isOver),
      ),
      ...Array.from(
        { length: GRPC_CLIENTS },
        (_, index) =>
          grpc.repeat(driverSteps(() => balancer.grpc, { client: `grpc-${index}` }), () => isOver),
      ),
    ];
    const laterServices: ServiceProcess[] = [];
    try {
      for (const old of firstServices) {
        await endInOrder(old);
        await balancer.remove(old);
        laterServices.push(await addService());
      }
    } finally {
      isOver = true;
      await Promise.all(load);
    }
    for (const { failures, requests } of SERVES_GRPC ? [rest, grpc] : [rest]) {
      assert.deepEqual(failures, []);
      assert.ok(requests > LEAST_OF_EACH_API, `only ${requests} requests`);
    }
    assert.ok(rest.requests + grpc.requests > LEAST_REQUESTS);
    await Promise.all(laterServices.map(endInOrder));
  },
});

async function endInOrder(service: ServiceProcess): Promise<void> {
  service.signal("SIGTERM");
  assert.equal((await service.ended).code, 0, service.output());
}
