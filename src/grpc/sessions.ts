import type { ServerHttp2Session } from "node:http2";
import type grpc from "@grpc/grpc-js";

/**
 * The connections of a server, which grpc-js keeps to itself. Its own `drain` leaves a timer behind
 * that nothing stops, and its `forceShutdown` forgets the connections when channelz is off.
 */
export function sessionsOf(server: grpc.Server): ServerHttp2Session[] {
  const listeners: ReadonlyMap<unknown, { readonly sessions: ReadonlySet<ServerHttp2Session> }> =
    Reflect.get(server, "http2Servers");
  return [...listeners.values()].flatMap(({ sessions }) => [...sessions]);
}
