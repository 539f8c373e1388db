// Property 12, requirements 5.1 and 5.5: over both APIs a token reaches its namespaces only.
import assert from "node:assert/strict";
import fc from "fast-check";
import { startTestApp, type TestApp } from "../harness/apps.ts";
import { keys, namespaces } from "../harness/entries.ts";
import { type CacheDriver, Refusal } from "../support/cache_driver.ts";
import { GrpcDriver } from "../support/grpc_driver.ts";
import { RestDriver } from "../support/rest_driver.ts";
import { propertyOptions } from "../support/seeded_random.ts";
import { JWT_SECRET, signToken } from "../support/tokens.ts";

const value = Uint8Array.of(1, 2, 3);
const APIS = ["rest", "grpc"] as const;

function driverWith(app: TestApp, api: typeof APIS[number], token: string): CacheDriver {
  return api === "rest"
    ? new RestDriver(app.origin, { token })
    : new GrpcDriver(app.grpcAddress, { token });
}

/** Every operation on one key of a namespace. */
function operations(driver: CacheDriver, namespace: string, key: string): Promise<unknown>[] {
  return [
    driver.get(namespace, key),
    driver.set({ namespace, key, value: Uint8Array.of(9) }),
    driver.delete(namespace, key),
    driver.batchGet(namespace, [key]),
    driver.batchSet({ namespace, entries: new Map([[key, Uint8Array.of(9)]]) }),
  ];
}

/** What each operation was answered by: "done", or the code and words of its refusal. */
async function verdicts(calls: Promise<unknown>[]): Promise<string[]> {
  return (await Promise.allSettled(calls)).map((outcome) => {
    if (outcome.status === "fulfilled") return "done";
    if (outcome.reason instanceof Refusal) return outcome.reason.message;
    throw outcome.reason;
  });
}

/** The name in another case, and spelt by characters that look or normalize alike. */
function lookalikes(namespace: string): string[] {
  const wide = [...namespace]
    .map((character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0)).join("");
  const others = [
    namespace.toUpperCase(),
    namespace.toLowerCase(),
    wide,
    `${namespace}\u0301`,
    `${namespace}\u200b`,
    ` ${namespace}`,
    `${namespace}/`,
    `${namespace}:`,
    `${namespace}\u0000`,
    `${namespace},*`,
    "*",
  ];
  return others.filter((other) => other !== namespace);
}

for (const api of APIS) {
  Deno.test(`a token is of no use elsewhere, and learns nothing there: ${api}`, async () => {
    await using app = await startTestApp({ AUTH_ENABLED: "true", AUTH_JWT_SECRET: JWT_SECRET });
    using owner = closing(driverWith(app, api, await signToken({ namespace: "*" })));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(namespaces, { minLength: 2, maxLength: 2 }),
        keys,
        fc.boolean(),
        async ([own = "", other = ""], key, isListed) => {
          const token = await signToken({ namespace: isListed ? [own, `${other}x`] : own });
          using mine = closing(driverWith(app, api, token));
          await owner.driver.set({ namespace: other, key, value });
          const present = await verdicts(operations(mine.driver, other, key));
          for (const verdict of present) assert.match(verdict, /^forbidden: /);
          const read = await owner.driver.get(other, key);
          assert.deepEqual(read.found && read.value, value);
          await owner.driver.delete(other, key);
          assert.deepEqual(await verdicts(operations(mine.driver, other, key)), present);
          for (const alike of lookalikes(own).filter((name) => name !== `${other}x`)) {
            for (const verdict of await verdicts(operations(mine.driver, alike, key))) {
              assert.match(verdict, /^(forbidden|invalid_namespace): /, alike);
            }
          }
          const allowed = await verdicts(operations(mine.driver, own, key));
          assert.deepEqual(allowed, allowed.map(() => "done"));
        },
      ),
      propertyOptions(),
    );
  });

  Deno.test(`a scope allows its own operations only: ${api}`, async () => {
    await using app = await startTestApp({ AUTH_ENABLED: "true", AUTH_JWT_SECRET: JWT_SECRET });
    const can = async (claims: Record<string, unknown>): Promise<boolean[]> => {
      const token = await signToken({ namespace: "n", ...claims });
      using reach = closing(driverWith(app, api, token));
      const answered = await verdicts(operations(reach.driver, "n", "k"));
      for (const verdict of answered) assert.match(verdict, /^(done$|forbidden: )/);
      return answered.map((verdict) => verdict === "done");
    };
    const reads = [true, false, false, true, false];
    const writes = reads.map((isRead) => !isRead);
    assert.deepEqual(await can({ scopes: ["cache:read"] }), reads);
    assert.deepEqual(await can({ scope: "openid cache:write" }), writes);
    assert.deepEqual(await can({ scope: "cache:read cache:write" }), reads.map(() => true));
    assert.deepEqual(await can({}), reads.map(() => true));
    assert.deepEqual(await can({ scopes: ["cache:admin"] }), reads.map(() => false));
    assert.deepEqual(await can({ scopes: [] }), reads.map(() => false));
  });

  Deno.test(`a token that names no namespace reaches none: ${api}`, async () => {
    await using app = await startTestApp({ AUTH_ENABLED: "true", AUTH_JWT_SECRET: JWT_SECRET });
    for (const claims of [{}, { namespace: [] }]) {
      using reach = closing(driverWith(app, api, await signToken(claims)));
      for (const verdict of await verdicts(operations(reach.driver, "n", "k"))) {
        assert.match(verdict, /^forbidden: /);
      }
    }
  });
}

function closing(driver: CacheDriver): { driver: CacheDriver } & Disposable {
  return { driver, [Symbol.dispose]: () => driver.close() };
}
