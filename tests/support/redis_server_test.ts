import assert from "node:assert/strict";
import { serverTest, sharedServer } from "./backends.ts";
import { startRedis } from "./redis_server.ts";

const needs = ["redis-server"];
const shared = sharedServer({ needs, start: () => startRedis() });

serverTest({
  name: "a shared Redis answers in one test",
  needs,
  fn: async () => {
    assert.equal(await shared().command("SET", "key", "wért\r\n"), "OK");
    assert.equal(await shared().command("CONFIG", "GET", "save"), "save\n");
  },
});

serverTest({
  name: "and in the next, with the same data",
  needs,
  fn: async () => {
    assert.equal(await shared().command("GET", "key"), "wért\r\n");
    assert.equal(await shared().command("GET", "other"), "(nil)");
    assert.equal(await shared().command("STRLEN", "key"), "7");
    await assert.rejects(shared().command("INCR", "key"), /^Error: INCR failed: ERR value is not/);
  },
});

serverTest({
  name: "a frozen Redis answers when it is thawed",
  needs: [...needs, "ps"],
  fn: async () => {
    await using redis = await startRedis();
    redis.freeze();
    let answered = false;
    const reply = redis.command("PING").finally(() => answered = true);
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", `${redis.pid}`] })
      .output();
    assert.match(new TextDecoder().decode(stdout), /^T/);
    assert.equal(answered, false);
    redis.thaw();
    assert.equal(await reply, "PONG");
  },
});

serverTest({
  name: "a killed Redis comes back on its port, with its data or empty",
  needs,
  fn: async () => {
    await using redis = await startRedis({ appendOnly: true });
    const { pid } = redis;
    await redis.command("SET", "key", "value");
    await redis.kill();
    await assert.rejects(redis.command("PING"), Deno.errors.ConnectionRefused);
    await redis.restart({ keepData: true });
    assert.notEqual(redis.pid, pid);
    assert.equal(await redis.command("GET", "key"), "value");
    await redis.restart({ keepData: false });
    assert.equal(await redis.command("GET", "key"), "(nil)");
  },
});

serverTest({
  name: "without appendOnly there is no data to keep",
  needs,
  fn: async () => {
    await using redis = await startRedis();
    await assert.rejects(redis.restart({ keepData: true }), /not started with appendOnly/);
  },
});

serverTest({
  name: "a folder that is given keeps the data for the next server",
  needs,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    {
      await using redis = await startRedis({ folder, appendOnly: true });
      await redis.command("SET", "key", "value");
    }
    {
      await using redis = await startRedis({ folder, appendOnly: true });
      assert.equal(await redis.command("GET", "key"), "value");
    }
    await Deno.remove(folder, { recursive: true });
  },
});

serverTest({
  name: "password, ACL users and extra lines take effect",
  needs,
  fn: async () => {
    await using redis = await startRedis({
      password: "secret",
      aclUsers: ["app on >word ~cache:* +get"],
      config: ["maxmemory 64mb"],
    });
    assert.equal(await redis.command("ACL", "WHOAMI"), "default");
    assert.match(await redis.command("ACL", "LIST"), /user app on .*~cache:\*/);
    assert.equal(await redis.command("CONFIG", "GET", "maxmemory"), "maxmemory\n67108864");
  },
});

serverTest({
  name: "TLS works with the certificate of the server's own authority, and no other",
  needs: [...needs, "openssl"],
  fn: async () => {
    await using redis = await startRedis({ tls: true });
    assert.ok(redis.tls);
    const { port, caFile } = redis.tls;
    const caCerts = [await Deno.readTextFile(caFile)];
    using connection = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts });
    await connection.write(new TextEncoder().encode("PING\r\n"));
    const reply = new Uint8Array(7);
    assert.equal(await connection.read(reply), 7);
    assert.equal(new TextDecoder().decode(reply), "+PONG\r\n");
    using stranger = await Deno.connectTls({ hostname: "localhost", port });
    await assert.rejects(stranger.handshake(), /UnknownIssuer/);
  },
});

serverTest({
  name: "a bad line in the configuration is reported",
  needs,
  fn: async () => {
    await assert.rejects(startRedis({ config: ["no-such-setting 1"] }), /no-such-setting/);
  },
});
