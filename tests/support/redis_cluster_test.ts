import assert from "node:assert/strict";
import { serverTest } from "./backends.ts";
import { startRedisCluster } from "./redis_cluster.ts";
import { waitFor } from "./wait_for.ts";

const needs = ["redis-server", "redis-cli"];

serverTest({
  name: "three masters share the slots",
  needs,
  fn: async () => {
    await using cluster = await startRedisCluster();
    assert.equal(cluster.addresses.length, 3);
    const replies = await Promise.all(
      cluster.nodes.map((node) =>
        node.command("GET", "key").catch((error: Error) => error.message)
      ),
    );
    assert.equal(replies.filter((reply) => reply === "(nil)").length, 1, replies.join());
    assert.equal(replies.filter((reply) => reply.startsWith("GET failed: MOVED")).length, 2);
  },
});

serverTest({
  name: "a replica takes over from a killed master",
  needs,
  fn: async () => {
    await using cluster = await startRedisCluster({ replicasPerMaster: 1 });
    const roles = async (): Promise<string> =>
      (await Promise.all(cluster.nodes.map((node) => node.command("ROLE").catch(() => "down"))))
        .map((role) => role.split("\n")[0])
        .join(" ");
    assert.equal(await roles(), "master master master slave slave slave");
    await cluster.nodes[0]?.kill();
    await waitFor(async () => (await roles()).match(/^down master master .*master/), {
      deadlineMs: 30_000,
      what: "the failover",
    });
  },
});
