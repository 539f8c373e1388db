import { decodeEntry, encodeEntry } from "../../src/core/entry.ts";
import { CacheError } from "../../src/core/errors.ts";
import { STAMP_BYTES, writeStamp } from "../../src/core/stamp.ts";
import type { WriteMode } from "../../src/core/store.ts";
import { MODE_LETTERS, WRITE_SCRIPT } from "../../src/store/write_script.ts";
import { type Dice } from "./dice.ts";
import { Link, type Network } from "./network.ts";
import { WORLD_EPOCH_MS } from "./sim_process.ts";
import {
  ALL_WRITE_RULES,
  applyWrite,
  type ArrivedWrite,
  type Effect,
  type Stored,
  type WriteRules,
} from "./write_model.ts";

/** A command on its way to Redis; `syn` opens the connection. */
export interface SimCommand {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** What Redis sends: replies in the order of the commands, and invalidated keys, or null for all. */
export type SimMessage =
  | { readonly kind: "accepted" | "refused" }
  | { readonly kind: "reply"; readonly value: unknown }
  | { readonly kind: "error"; readonly message: string }
  | { readonly kind: "invalidated"; readonly keys: readonly string[] | null };

export type SimLink = Link<SimCommand, SimMessage>;

/** A client as the server knows it. */
interface Session {
  readonly id: number;
  readonly link: SimLink;
  /** What arrived while the server was frozen; `undefined` is the end of the stream. */
  readonly waiting: (SimCommand | undefined)[];
  /** Where the invalidations of its reads go; absent while it is not tracked. */
  redirect: number | undefined;
  subscribed: boolean;
}

/** What a world wants to know of its Redis. */
export interface RedisObserver {
  /** A write has arrived and was decided about. */
  decided(key: string, write: ArrivedWrite, effect: Effect): void;
  /** What stands under a key has changed: by a write, at its end, or because all data were lost. */
  changed(key: string, stored: Stored | undefined, how: "write" | "expired" | "lost"): void;
}

export interface SimRedisOptions {
  readonly network: Network;
  readonly dice: Dice;
  readonly observer: RedisObserver;
  readonly rules?: WriteRules;
  /** Whether a write makes its connection tracked for the key, as the EXISTS after the SET does. */
  readonly tracksWrites?: boolean;
}

/** One Redis server: keys, the write script, and tracking with redirection and NOLOOP. */
export class SimRedis {
  readonly #options: SimRedisOptions;
  readonly #keys = new Map<string, Stored>();
  readonly #sessions = new Map<number, Session>();
  /** The clients that are to hear when a key changes. */
  readonly #tracked = new Map<string, Set<number>>();
  #clients = 0;
  #processes = 1;
  #isUp = true;
  #isFrozen = false;
  #knowsScript = true;

  constructor(options: SimRedisOptions) {
    this.#options = options;
  }

  /** What the server holds for a key now. */
  stored(key: string): Stored | undefined {
    const stored = this.#keys.get(key);
    if (stored === undefined || this.#nowMs() <= stored.heldUntilMs) return stored;
    this.#keys.delete(key);
    this.#options.observer.changed(key, undefined, "expired");
    this.#invalidate(key, undefined);
    return undefined;
  }

  /** Opens a connection, once its `syn` is here. */
  open(toClient: (message: SimMessage | undefined) => void): SimLink {
    const toServer = (command: SimCommand | undefined): void => this.#arrived(session, command);
    const link: SimLink = new Link(this.#options.network, { toServer, toClient });
    const id = ++this.#clients;
    const session: Session = { id, link, waiting: [], redirect: undefined, subscribed: false };
    return link;
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  /** Goes on with what has arrived meanwhile, one connection after the other. */
  thaw(): void {
    this.#isFrozen = false;
    for (const session of this.#options.dice.shuffled([...this.#sessions.values()])) {
      for (const command of session.waiting.splice(0)) this.#arrived(session, command);
    }
  }

  /** Ends the process; what it held is kept on disk or not. */
  stop({ keepsData }: { readonly keepsData: boolean }): void {
    this.#isUp = false;
    this.#isFrozen = false;
    for (const { link } of this.#sessions.values()) link.endByServer();
    this.#sessions.clear();
    this.#tracked.clear();
    if (!keepsData) this.#loseAll();
  }

  start(): void {
    this.#isUp = true;
    this.#processes++;
    this.#knowsScript = false;
  }

  flushScripts(): void {
    this.#knowsScript = false;
  }

  flushAll(): void {
    if (!this.#isUp) return;
    this.#loseAll();
    this.#tracked.clear();
    for (const { redirect } of this.#sessions.values()) {
      if (redirect !== undefined) this.#tell(redirect, null);
    }
  }

  #loseAll(): void {
    const keys = [...this.#keys.keys()];
    this.#keys.clear();
    for (const key of keys) this.#options.observer.changed(key, undefined, "lost");
  }

  #nowMs(): number {
    return Math.floor(WORLD_EPOCH_MS + this.#options.network.time.nowMs);
  }

  #arrived(session: Session, command: SimCommand | undefined): void {
    const { link } = session;
    if (command?.name === "syn") {
      // The system accepts for a frozen process too.
      if (this.#isUp) this.#sessions.set(session.id, session);
      return link.toClient({ kind: this.#isUp ? "accepted" : "refused" });
    }
    if (!this.#sessions.has(session.id)) return;
    if (this.#isFrozen) return void session.waiting.push(command);
    if (command === undefined) return void this.#sessions.delete(session.id);
    link.toClient(this.#reply(session, command));
  }

  #reply(session: Session, { name, args }: SimCommand): SimMessage {
    switch (name) {
      case "info":
        return reply(`# Server\r\nrun_id:process-${this.#processes}\r\n`);
      case "client":
        if (args[0] === "ID") return reply(session.id);
        session.redirect = Number(args[3]);
        return reply("OK");
      case "subscribe":
        session.subscribed = true;
        return reply(1);
      case "ping":
        return reply("PONG");
      case "time":
        return reply(this.#time());
      case "get":
        return reply(this.#get(session, String(args[0])));
      case "getrange": {
        const stored = this.#get(session, String(args[0])) ?? new Uint8Array(0);
        return reply(stored.subarray(Number(args[1]), Number(args[2]) + 1));
      }
      case "evalsha":
        if (!this.#knowsScript) return { kind: "error", message: "NOSCRIPT No matching script." };
        return reply(this.#write(session, args));
      case "eval":
        this.#knowsScript ||= args[0] === WRITE_SCRIPT.source;
        return reply(this.#write(session, args));
    }
    throw new RangeError(`The simulated Redis does not know ${name}.`);
  }

  #time(): [string, string] {
    const nowMs = WORLD_EPOCH_MS + this.#options.network.time.nowMs;
    const seconds = Math.floor(nowMs / 1000);
    return [String(seconds), String(Math.floor((nowMs - seconds * 1000) * 1000))];
  }

  #get(session: Session, key: string): Uint8Array | null {
    const stored = this.stored(key);
    this.#track(key, session);
    return stored === undefined ? null : encodeEntry(stored.entry);
  }

  #write(session: Session, [, , key, bytes, notAfterMs, mode, ttlMs]: readonly unknown[]): Buffer {
    const entry = decodeEntry(new Uint8Array(bytes as Buffer));
    if (entry instanceof CacheError) throw entry;
    const write: ArrivedWrite = {
      entry,
      mode: modeOf(mode),
      notAfterMs: Number(notAfterMs),
      tombstoneTtlMs: Number(ttlMs),
    };
    const name = String(key);
    const { rules = ALL_WRITE_RULES, tracksWrites = true, observer } = this.#options;
    const effect = applyWrite(this.stored(name), { write, nowMs: this.#nowMs(), rules });
    observer.decided(name, write, effect);
    if (effect.status !== "written") return Buffer.from(effect.status === "late" ? "L" : "S");
    if (effect.stored === undefined) this.#keys.delete(name);
    else this.#keys.set(name, effect.stored);
    observer.changed(name, effect.stored, "write");
    this.#invalidate(name, session);
    if (tracksWrites) this.#track(name, session);
    return writtenReply(effect);
  }

  #track(key: string, { id, redirect }: Session): void {
    if (redirect === undefined) return;
    const present = this.#tracked.get(key);
    if (present === undefined) this.#tracked.set(key, new Set([id]));
    else present.add(id);
  }

  /** Tells all but the writer itself, and forgets who was to be told, the writer too. */
  #invalidate(key: string, writer: Session | undefined): void {
    const ids = this.#tracked.get(key);
    if (ids === undefined) return;
    this.#tracked.delete(key);
    for (const id of ids) {
      const redirect = this.#sessions.get(id)?.redirect;
      if (id !== writer?.id && redirect !== undefined) this.#tell(redirect, [key]);
    }
  }

  #tell(id: number, keys: readonly string[] | null): void {
    const session = this.#sessions.get(id);
    if (session?.subscribed) session.link.toClient({ kind: "invalidated", keys });
  }
}

function modeOf(letter: unknown): WriteMode {
  const modes = ["ordinary", "replay", "rewrap", "event"] as const;
  const mode = modes.find((mode) => MODE_LETTERS[mode] === letter);
  if (mode === undefined) throw new RangeError("The simulated Redis does not know this mode.");
  return mode;
}

function reply(value: unknown): SimMessage {
  return { kind: "reply", value };
}

function writtenReply(effect: Extract<Effect, { status: "written" }>): Buffer {
  const bytes = Buffer.alloc(2 + STAMP_BYTES);
  bytes.write((effect.isExpired ? "X" : "W") + (effect.replaced ? "1" : "0"));
  writeStamp(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 2, effect.stamp);
  return bytes;
}
