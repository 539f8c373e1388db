import type { Http2Server, ServerHttp2Session } from "node:http2";
import type grpc from "@grpc/grpc-js";

type Listeners = ReadonlyMap<Http2Server, { readonly sessions: ReadonlySet<ServerHttp2Session> }>;

/** What a server listens by, which grpc-js keeps to itself: one for each address it is bound to. */
export function listenersOf(server: grpc.Server): Http2Server[] {
  return [...internalsOf(server).keys()];
}

/**
 * The connections of a server. The library's own `drain` leaves a timer behind that nothing stops,
 * and its `forceShutdown` forgets the connections when channelz is off.
 */
export function sessionsOf(server: grpc.Server): ServerHttp2Session[] {
  return [...internalsOf(server).values()].flatMap(({ sessions }) => [...sessions]);
}

function internalsOf(server: grpc.Server): Listeners {
  return Reflect.get(server, "http2Servers");
}
