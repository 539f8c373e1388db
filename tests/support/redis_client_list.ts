import type { RedisServer } from "./redis_server.ts";

/** A connection as its server knows it. */
export interface RedisClientInfo {
  readonly id: string;
  /** The port that it comes from. */
  readonly port: number;
  /** It receives invalidations for others. */
  readonly isSubscriber: boolean;
  /** Its reads are tracked. */
  readonly isTracked: boolean;
}

/** The server's connections but the one that asks. */
export async function clientsOf(redis: RedisServer): Promise<RedisClientInfo[]> {
  const lines = (await redis.command("CLIENT", "LIST")).trim().split("\n");
  const clients = lines.map((line) => {
    const field = (name: string): string => new RegExp(`\\b${name}=(\\S*)`).exec(line)?.[1] ?? "";
    return {
      id: field("id"),
      port: Number(/\baddr=\S+:(\d+)/.exec(line)?.[1]),
      isSubscriber: field("sub") === "1",
      isTracked: field("flags").includes("t"),
      asks: field("cmd") === "client|list",
    };
  });
  return clients.filter(({ asks }) => !asks);
}
