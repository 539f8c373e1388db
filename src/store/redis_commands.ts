import { Command, type Result } from "ioredis";
import type { RedisClient } from "./redis_clients.ts";
import { redisErrorKind } from "./redis_errors.ts";
import type { WriteOutcome } from "../core/store.ts";
import { parseWriteReply, WRITE_SCRIPT, type WriteArguments } from "./write_script.ts";

declare module "ioredis" {
  // The client has a Buffer form of every command; its types leave this one out.
  interface RedisCommander<Context> {
    evalshaBuffer(
      sha1: string,
      keyCount: number,
      key: string,
      ...args: (string | Buffer)[]
    ): Result<unknown, Context>;
  }
}

/** One command on one key, in the two ways it can be sent. */
export interface RedisCommand<Argument, Reply> {
  /** Together with others of its turn of the event loop, in one pipeline. */
  send(client: RedisClient, key: string, argument: Argument): Promise<unknown>;
  /** By itself; the client then follows a Cluster's redirections. */
  alone(key: string, argument: Argument): Command;
  /** Throws a `TypeError` for a reply of another type. */
  parse(reply: unknown): Reply;
}

/** The whole string (https://redis.io/docs/latest/commands/get/). */
export const GET: RedisCommand<undefined, Uint8Array | null> = {
  send: (client, key) => client.getBuffer(key),
  alone: (key) => command("get", [key]),
  parse: (reply) => reply === null ? null : bytes(reply),
};

/** The first bytes, one more than `share`; none where there is no key (…/commands/getrange/). */
export const GET_START: RedisCommand<number, Uint8Array> = {
  send: (client, key, share) => client.getrangeBuffer(key, 0, share),
  alone: (key, share) => command("getrange", [key, 0, share]),
  parse: bytes,
};

/** Bytes of the string (https://redis.io/docs/latest/commands/strlen/). */
export const LENGTH: RedisCommand<undefined, number> = {
  send: (client, key) => client.strlen(key),
  alone: (key) => command("strlen", [key]),
  parse: Number,
};

/** The write script, sent whole where Redis has not seen it since its start. */
export const WRITE: RedisCommand<WriteArguments, WriteOutcome> = {
  send: (client, key, args) => client.evalshaBuffer(WRITE_SCRIPT.sha1, 1, key, ...args),
  alone: (key, args) => command("eval", [WRITE_SCRIPT.source, 1, key, ...args]),
  parse: (reply) => parseWriteReply(bytes(reply)),
};

/** Error replies after which the same command, sent alone, can succeed at once. */
const WORTH_SENDING_ALONE = new Set(["NOSCRIPT", "MOVED", "ASK", "TRYAGAIN"]);

/**
 * Sends a command in a pipeline; alone again where the pipeline could not follow a redirection that
 * concerned only some of its commands, or where the script was unknown.
 */
export function runCommand<Argument, Reply>(
  command: RedisCommand<Argument, Reply>,
  target: { readonly client: RedisClient; readonly key: string; readonly argument: Argument },
): Promise<Reply> {
  const { client, key, argument } = target;
  return command.send(client, key, argument).catch((error: unknown) => {
    if (!WORTH_SENDING_ALONE.has(redisErrorKind(error))) throw error;
    return client.sendCommand(command.alone(key, argument));
  }).then(command.parse);
}

function command(name: string, args: (string | number | Buffer)[]): Command {
  return new Command(name, args, { replyEncoding: null });
}

function bytes(reply: unknown): Uint8Array {
  if (reply instanceof Uint8Array) return reply;
  throw new TypeError("Redis replied with another type than a string.");
}
