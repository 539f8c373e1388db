// Requirements 10.1, 10.4: the near cache begins although the connection that is to hear of changes
// is accepted and then never answered.
import assert from "node:assert/strict";
import { openReplica } from "../harness/replicas.ts";
import { serverTest } from "../support/backends.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { startRedis } from "../support/redis_server.ts";
import { waitFor } from "../support/wait_for.ts";
import { pause, set, untilCopied } from "./one_byte.ts";

/** Of a pool of one connection, which comes first. */
const SUBSCRIBER = 1;
const DIAL_TIMEOUT_MS = 1500;

serverTest({
  name: "a subscriber whose first connection is never answered gets another",
  needs: ["redis-server"],
  async fn(): Promise<void> {
    await using redis = await startRedis();
    await using proxy = await startFaultProxy({ target: redis });
    proxy.blackhole();
    await using replica = openReplica({
      addresses: [proxy.address],
      poolSize: 1,
      dialTimeoutMs: DIAL_TIMEOUT_MS,
    });
    await waitFor(() => proxy.connections === 2, { deadlineMs: 5000, what: "both connections" });
    // In one go, so that nothing of the subscriber's passes in between.
    proxy.heal();
    proxy.blackhole({ only: ({ index }) => index === SUBSCRIBER });
    await replica.store.connected;
    await pause(DIAL_TIMEOUT_MS);
    assert.equal(replica.store.tracking, "off");
    await waitFor(() => replica.store.tracking === "on", { deadlineMs: 5000, what: "tracking" });
    await set(replica, { byte: 1 });
    await untilCopied(replica);
  },
});
