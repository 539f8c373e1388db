// Requirements 5.1, 5.4: keys for tokens and for sealed values come from one command.
import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { createLocalJWKSet, jwtVerify } from "jose";
import { serverTest } from "../support/backends.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { memorySettings, runCommand, ServiceProcess } from "./service_process.ts";

/** What `keygen` prints for `args`, which must succeed. */
async function keygen(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await runCommand(["keygen", ...args]);
  assert.equal(code, 0, stderr);
  return { stdout, stderr };
}

serverTest({
  name: "keygen secret: 32 random bytes that AUTH_JWT_SECRET takes",
  needs: [],
  async fn(): Promise<void> {
    const [{ stdout, stderr }, other] = await Promise.all([keygen("secret"), keygen("secret")]);
    assert.match(stdout, /^[\w-]{43}\n$/);
    assert.equal(stderr, "");
    assert.notEqual(stdout, other.stdout);

    const { code } = await runCommand(["token", "--namespace", "a"], {
      AUTH_JWT_SECRET: stdout.trim(),
    });
    assert.equal(code, 0);
  },
});

serverTest({
  name: "keygen encryption: a key that AUTH_ENCRYPTION_KEY takes, its id apart",
  needs: [],
  async fn(): Promise<void> {
    const { stdout, stderr } = await keygen("encryption");
    const key = Uint8Array.fromBase64(stdout.trim());
    assert.equal(key.length, 32);
    const id = createHash("sha256").update(key).digest("hex").slice(0, 8);
    assert.equal(stderr, `key id ${id}\n`);

    const { code, stderr: faults } = await runCommand(["config"], {
      ...memorySettings(),
      AUTH_ENCRYPTION_KEY: stdout.trim(),
    });
    assert.deepEqual([code, faults], [0, ""]);
  },
});

serverTest({
  name: "keygen ed25519 and public: a service with the public half lets the token in",
  needs: [],
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir({ prefix: "cache-service-test-" });
    try {
      const path = `${folder}/private.pem`;
      const { stdout: pem } = await keygen("ed25519");
      assert.equal(createPrivateKey(pem).asymmetricKeyType, "ed25519");
      await Deno.writeTextFile(path, pem);
      const { stdout: token } = await runCommand(
        ["token", "--namespace", "a", "--key-file", path, "--kid", "k1"],
      );

      const { stdout: publicPem } = await keygen("public", "--key-file", path);
      assert.match(publicPem, /^-----BEGIN PUBLIC KEY-----\n/);
      await jwtVerify(token.trim(), createPublicKey(publicPem));

      await Deno.writeTextFile(`${folder}/public.pem`, publicPem);
      await using service = await ServiceProcess.start({
        ...memorySettings(),
        AUTH_ENABLED: "true",
        AUTH_JWT_PUBLIC_KEY_FILE: `${folder}/public.pem`,
      });
      const rest = new RestDriver(service.origin, { token: token.trim() });
      assert.equal((await rest.get("a", "k")).found, false);
      await assert.rejects(rest.get("b", "k"), { code: "forbidden" });

      const { stdout: jwks } = await keygen("public", "--key-file", path, "--jwks", "--kid", "k1");
      const set = JSON.parse(jwks);
      await jwtVerify(token.trim(), createLocalJWKSet(set));
      assert.deepEqual(Object.keys(set.keys[0]).sort(), ["alg", "crv", "kid", "kty", "use", "x"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

serverTest({
  name: "keygen: a kind that is none, or an option that does not fit, is a usage error",
  needs: [],
  async fn(): Promise<void> {
    const cases: [string[], RegExp][] = [
      [[], /secret\|encryption\|ed25519\|public/],
      [["rsa"], /got "rsa"/],
      [["secret", "--jwks"], /keygen secret takes no option/],
      [["public"], /needs --key-file/],
      [["public", "--key-file", "/dev/null"], /must hold a private key/],
    ];
    for (const [args, says] of cases) {
      const { code, stdout, stderr } = await runCommand(["keygen", ...args]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, says);
    }
  },
});
