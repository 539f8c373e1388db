import { Command, type Redis, type Result } from "ioredis";
import { redisErrorKind } from "./redis_errors.ts";
import type { RedisRedirector } from "./redis_redirector.ts";
import {
  parseWriteReply,
  WRITE_SCRIPT,
  type WriteArguments,
  type WriteReply,
} from "./write_script.ts";

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

/** One command on one key (of a scan, on the keys of one pattern), in the two ways it can be sent. */
export interface RedisCommand<Argument, Reply> {
  /** Together with others of its turn of the event loop, in one pipeline. */
  send(connection: Redis, key: string, argument: Argument): Promise<unknown>;
  /** By itself, at once. */
  alone(key: string, argument: Argument): Command;
  /** Throws a `TypeError` for a reply of another type. */
  parse(reply: unknown): Reply;
}

/** What one step of a scan brings. */
export interface ScanPage {
  /** Where to go on; "0" at the end. */
  readonly cursor: string;
  /** Mostly as many as were looked at, at most. */
  readonly keys: readonly string[];
}

/** How many keys Redis looks at in one step of a scan, about: it serves nobody else meanwhile. */
const SCAN_PAGE_KEYS = 500;

/** The whole string (https://redis.io/docs/latest/commands/get/). */
export const GET: RedisCommand<undefined, Uint8Array | null> = {
  send: (connection, key) => connection.getBuffer(key),
  alone: (key) => command("get", [key]),
  parse: (reply) => reply === null ? null : bytes(reply),
};

/** The first bytes, one more than `share`; none where there is no key (…/commands/getrange/). */
export const GET_START: RedisCommand<number, Uint8Array> = {
  send: (connection, key, share) => connection.getrangeBuffer(key, 0, share),
  alone: (key, share) => command("getrange", [key, 0, share]),
  parse: bytes,
};

/** Bytes of the string (https://redis.io/docs/latest/commands/strlen/). */
export const LENGTH: RedisCommand<undefined, number> = {
  send: (connection, key) => connection.strlen(key),
  alone: (key) => command("strlen", [key]),
  parse: Number,
};

/** Keys that match a pattern, from a cursor on (…/commands/scan/). */
export const SCAN: RedisCommand<string, ScanPage> = {
  send: (connection, pattern, cursor) =>
    connection.scan(cursor, "MATCH", pattern, "COUNT", SCAN_PAGE_KEYS),
  alone: (pattern, cursor) =>
    new Command("scan", [cursor, "MATCH", pattern, "COUNT", SCAN_PAGE_KEYS], {
      replyEncoding: "utf8",
    }),
  parse: scanPage,
};

/** The write script, sent whole where Redis has not seen it since its start. */
export const WRITE: RedisCommand<WriteArguments, WriteReply> = {
  send: (connection, key, args) => connection.evalshaBuffer(WRITE_SCRIPT.sha1, 1, key, ...args),
  alone: (key, args) => command("eval", [WRITE_SCRIPT.source, 1, key, ...args]),
  parse: (reply) => parseWriteReply(bytes(reply)),
};

/** As many times a command is redirected before it fails. */
const MAX_REDIRECTIONS = 3;

/** A command, where to send it, and with what. */
export interface Dispatch<Argument, Reply> {
  readonly command: RedisCommand<Argument, Reply>;
  readonly redirector: RedisRedirector;
  /** That of the key's server, as far as is known. */
  readonly connection: Redis;
  readonly key: string;
  readonly argument: Argument;
  /** Set when another server than the connection's has answered. */
  redirected: boolean;
  /** Set when nobody waits for the answer any more. */
  isOver: boolean;
}

/** Sends a command to the server that holds its key, wherever that is by now. */
export function dispatch<Argument, Reply>(task: Dispatch<Argument, Reply>): Promise<Reply> {
  const { command, connection, key, argument } = task;
  return command.send(connection, key, argument)
    .catch((error: unknown) => followUp(task, { error, connection, redirections: 0 }))
    .then(command.parse);
}

/**
 * Tries again what failed for a reason that concerns the place and not the call: an unknown script,
 * a slot that has moved (MOVED) or is about to (ASK, good for this one command only).
 */
async function followUp<Argument, Reply>(
  task: Dispatch<Argument, Reply>,
  failed: { readonly error: unknown; readonly connection: Redis; readonly redirections: number },
): Promise<unknown> {
  const { command, redirector, key, argument } = task;
  const kind = redisErrorKind(failed.error);
  let { connection } = failed;
  if (kind === "MOVED" || kind === "ASK") {
    if (failed.redirections === MAX_REDIRECTIONS) throw failed.error;
    const target = await redirector.target(failed.error, connection);
    if (target === undefined || task.isOver) throw failed.error;
    connection = target;
    task.redirected = true;
  } else if (kind !== "NOSCRIPT") throw failed.error;

  // Both are written before anything else can be, so ASKING stands directly before its command.
  const asked = kind === "ASK" ? connection.sendCommand(new Command("asking")) : undefined;
  const answered = connection.sendCommand(command.alone(key, argument));
  try {
    return (await Promise.all([asked, answered]))[1];
  } catch (error) {
    const redirections = failed.redirections + 1;
    return await followUp(task, { error, connection, redirections });
  }
}

function scanPage(reply: unknown): ScanPage {
  if (Array.isArray(reply) && typeof reply[0] === "string" && Array.isArray(reply[1])) {
    return { cursor: reply[0], keys: reply[1].map(String) };
  }
  throw new TypeError("Redis replied to SCAN with something else than a cursor and keys.");
}

function command(name: string, args: (string | number | Buffer)[]): Command {
  return new Command(name, args, { replyEncoding: null });
}

function bytes(reply: unknown): Uint8Array {
  if (reply instanceof Uint8Array) return reply;
  throw new TypeError("Redis replied with another type than a string.");
}
