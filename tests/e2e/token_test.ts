// Requirements 5.1, 5.2: a developer gets a token by one command.
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { decodeProtectedHeader, type JWTPayload, jwtVerify } from "jose";
import { serverTest } from "../support/backends.ts";
import { type CommandResult, grpcTest, runCommand, type Settings } from "./service_process.ts";

const SECRET = "a secret of a test, 32 bytes or more";
const WITH_SECRET = { AUTH_JWT_SECRET: SECRET };
const DAY_SECONDS = 86_400;

function run(args: string, settings: Settings = WITH_SECRET): Promise<CommandResult> {
  return runCommand(["token", ...args.split(" ")], settings);
}

/** The token that the command prints, and nothing else of either stream. */
async function tokenOf(args: string, settings: Settings = WITH_SECRET): Promise<string> {
  const { code, stdout, stderr } = await run(args, settings);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  return stdout.trim();
}

/** The claims of a token that was signed with the secret, by HS256. */
async function claimsOf(token: string): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, new TextEncoder().encode(SECRET), {
    algorithms: ["HS256"],
  });
  return payload;
}

serverTest({
  name: "token: signed by HS256, for an hour, with the namespaces that were named",
  needs: [],
  async fn(): Promise<void> {
    const { iat = 0, exp = 0, ...claims } = await claimsOf(
      await tokenOf("--namespace team-a --namespace team-b"),
    );
    assert.deepEqual(claims, { sub: "development", namespace: ["team-a", "team-b"] });
    assert.equal(exp - iat, 3600);
    assert.ok(Math.abs(iat - Date.now() / 1000) < 60);
  },
});

serverTest({
  name: "token: every claim can be chosen, issuer and audience also by their settings",
  needs: [],
  async fn(): Promise<void> {
    const chosen = "--namespace * --scope cache:read --scope cache:admin --expires 720h " +
      "--subject ann --issuer me --audience you";
    const { iat = 0, exp, ...claims } = await claimsOf(await tokenOf(chosen));
    assert.deepEqual(claims, {
      sub: "ann",
      namespace: "*",
      scopes: ["cache:read", "cache:admin"],
      iss: "me",
      aud: "you",
    });
    assert.equal(exp, iat + 30 * DAY_SECONDS);

    const folder = await Deno.makeTempDir({ prefix: "cache-service-test-" });
    try {
      await Deno.writeTextFile(`${folder}/secret`, `${SECRET}\n`);
      const { iss, aud } = await claimsOf(
        await tokenOf("--namespace a", {
          AUTH_JWT_SECRET_FILE: `${folder}/secret`,
          AUTH_JWT_ISSUER: "https://id.example",
          AUTH_JWT_AUDIENCE: "cache",
        }),
      );
      assert.deepEqual([iss, aud], ["https://id.example", "cache"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

// An older Deno has other names for the curves of EC keys.
grpcTest({
  name: "token: a private key signs by the algorithm of its kind",
  needs: [],
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir({ prefix: "cache-service-test-" });
    try {
      const pairs: [string, { privateKey: KeyObject; publicKey: KeyObject }][] = [
        ["EdDSA", generateKeyPairSync("ed25519")],
        ["RS256", generateKeyPairSync("rsa", { modulusLength: 2048 })],
        ["ES256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
        ["ES384", generateKeyPairSync("ec", { namedCurve: "P-384" })],
      ];
      for (const [algorithm, { privateKey, publicKey }] of pairs) {
        const path = `${folder}/${algorithm}.pem`;
        await Deno.writeTextFile(path, `${privateKey.export({ type: "pkcs8", format: "pem" })}`);
        const token = await tokenOf(`--namespace a --key-file ${path} --kid k1`, {});
        const { payload } = await jwtVerify(token, publicKey, { algorithms: [algorithm] });
        assert.deepEqual(payload.namespace, ["a"]);
        assert.deepEqual(decodeProtectedHeader(token), { alg: algorithm, typ: "JWT", kid: "k1" });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

serverTest({
  name: "token: what it cannot sign it refuses, without a word on standard output",
  needs: [],
  async fn(): Promise<void> {
    const cases: [string, Settings, { code: number; says: RegExp }][] = [
      ["--subject ann", WITH_SECRET, { code: 2, says: /--namespace.*'\*'/ }],
      ["--namespace a:b", WITH_SECRET, { code: 2, says: /--namespace must be .*"a:b"/ }],
      ["--namespace a --scope all", WITH_SECRET, { code: 2, says: /--scope must be .*cache:read/ }],
      ["--namespace a --expires 721h", WITH_SECRET, { code: 2, says: /--expires must be .*720h/ }],
      ["--namespace a --expires 500ms", WITH_SECRET, { code: 2, says: /--expires must be / }],
      ["--namespace a --kid k", WITH_SECRET, { code: 2, says: /--kid needs --key-file/ }],
      ["--namespace a --secret s", WITH_SECRET, { code: 2, says: /usage: cache-service token/ }],
      ["--namespace a", {}, { code: 2, says: /AUTH_JWT_SECRET.*--key-file/ }],
      ["--namespace a", { AUTH_JWT_SECRET: "tooshort" }, { code: 78, says: /at least 32 bytes/ }],
      ["--namespace a --key-file /none", {}, { code: 2, says: /--key-file.*NotFound.*\/none/ }],
      ["--namespace a --key-file /dev/null", {}, { code: 2, says: /must hold a private key/ }],
    ];
    const results = await Promise.all(cases.map(([args, settings]) => run(args, settings)));
    for (const [index, { code, stdout, stderr }] of results.entries()) {
      const [args, , expected] = cases[index] ?? assert.fail();
      assert.deepEqual([code, stdout], [expected.code, ""], `${args}: ${stderr}`);
      assert.match(stderr, expected.says, args);
      assert.equal(stderr.includes("tooshort"), false);
    }
  },
});
