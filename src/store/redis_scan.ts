import { storeKeyPrefix } from "../core/key.ts";
import type { GuardedClient } from "./guarded_client.ts";
import { SCAN } from "./redis_commands.ts";
import { RedisUnavailable } from "./redis_errors.ts";

/** The store keys of a namespace, a page of `SCAN` at a time, node after node. */
export async function* scanKeys(
  client: GuardedClient | undefined,
  { keyPrefix, namespace, timeoutMs }: {
    readonly keyPrefix: string;
    readonly namespace: string;
    readonly timeoutMs: number;
  },
): AsyncGenerator<readonly string[]> {
  const connections = client?.router.connections();
  if (client === undefined || connections === undefined) {
    throw new RedisUnavailable("Not every slot of the Cluster has a server.", { isUndone: true });
  }
  const pattern = `${escapeGlob(keyPrefix + storeKeyPrefix(namespace))}*`;
  for (const connection of connections) {
    let cursor = "0";
    do {
      const { reply } = await client.call(pattern, {
        connection,
        timeoutMs,
        command: SCAN,
        argument: cursor,
      });
      yield reply.keys.map((key) => key.slice(keyPrefix.length));
      ({ cursor } = reply);
    } while (cursor !== "0");
  }
}

/** As a pattern that matches only `text` (https://redis.io/docs/latest/commands/keys/). */
function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, "\\$&");
}
