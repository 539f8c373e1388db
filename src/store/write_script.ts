import { createHash } from "node:crypto";
import { encodeEntry } from "../core/entry.ts";
import { readStamp, type Stamp, STAMP_BYTES } from "../core/stamp.ts";
import type { StoreWrite, WriteMode } from "../core/store.ts";

/**
 * Every write is this one script on one key, so that Redis decides about it in a single step.
 *
 * 1. A write that arrives after its not-after changes nothing. Without this a SET that timed out
 *    against a frozen server would still run after the thaw, over a later acknowledged write.
 * 2. A replay that is not newer than what is stored changes nothing; an ordinary write takes a stamp
 *    above the stored one. Stamps are compared as numbers: Lua's `<` on strings follows the locale.
 *    A replay that has expired, or is older than tombstones live, leaves a tombstone: a miss is safe,
 *    a value that comes back after its delete was forgotten is not.
 * 3. A set that replaces a tombstone keeps the key at least as long as the tombstone would have
 *    stood, because its stamp still has to refuse older replays; the header's expiry ends the value.
 * 4. A rewrap changes nothing unless the stored header is its own byte for byte and live. It keeps
 *    the key as long as it stood: by 3 that may be longer than the header says.
 * 5. An event that is not newer than the stored value removes it, if it is a delete, or if it has
 *    another value under the same stamp; the stored stamp stays, to refuse older replays.
 * 6. EXISTS comes after SET because a write alone does not make Redis track the key for this
 *    connection, and a read before the write is forgotten by it.
 *
 * KEYS[1] the key; ARGV: entry, not-after in Unix ms, mode (`MODE_LETTERS`), tombstone TTL in ms.
 * Replies `L` (late), `S` (superseded), or `W` (written) or `X` (a tombstone instead of a replay
 * that came too late), "1" where a live entry was replaced or "0", and the 12 bytes of the final stamp.
 */
const SOURCE = `
local entry, not_after, mode, tombstone_ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > not_after then return 'L' end
local function tombstone(of) return string.sub(of, 1, 2) .. '\\4' .. string.sub(of, 4, 24) end

local stored = redis.pcall('GETRANGE', KEYS[1], 0, 23)
local live, kept_until = '0', 0
local ms, counter, writer = struct.unpack('>I6I2I4', entry, 5)
if type(stored) == 'table' then
  live = '1'
elseif #stored == 24 and string.byte(stored, 1) == 0xC5 and string.byte(stored, 2) == 1 then
  local stored_ms, stored_counter, stored_writer, expires = struct.unpack('>I6I2I4I8', stored, 5)
  if string.byte(stored, 3) == 4 then kept_until = expires elseif expires > now then live = '1' end
  local newer = ms > stored_ms or ms == stored_ms and
    (counter > stored_counter or counter == stored_counter and writer > stored_writer)
  if not newer then
    if mode == 'r' then return 'S' end
    if mode == 'e' then
      if string.byte(stored, 3) == 4 then return 'S' end
      if string.byte(entry, 3) ~= 4 then
        local same = ms == stored_ms and counter == stored_counter and writer == stored_writer
        if not same or redis.call('GETRANGE', KEYS[1], 24, -1) == string.sub(entry, 25) then
          return 'S'
        end
        entry = tombstone(entry)
      end
      ms, counter, writer = stored_ms, stored_counter, stored_writer
    else
      ms, counter = stored_ms, stored_counter + 1
      if counter == 65536 then ms, counter = ms + 1, 0 end
      if writer < 2147483648 then writer = writer + 2147483648 end
    end
  end
elseif #stored > 0 then
  live = '1'
end

if mode == 'k' then
  if live == '0' or stored ~= string.sub(entry, 1, 24) then return 'S' end
  redis.call('SET', KEYS[1], entry, 'KEEPTTL')
  redis.call('EXISTS', KEYS[1])
  return 'W1' .. string.sub(entry, 5, 16)
end

local stamp = struct.pack('>I6I2I4', ms, counter, writer)
local expires = struct.unpack('>I8', entry, 17)
local done = 'W'
if (mode == 'r' or mode == 'e') and string.byte(entry, 3) ~= 4 and
  (expires <= now or tombstone_ttl > 0 and now - ms > tombstone_ttl) then
  entry, done = tombstone(entry), 'X'
end
if string.byte(entry, 3) == 4 then
  if tombstone_ttl == 0 then
    redis.call('DEL', KEYS[1])
    return done .. live .. stamp
  end
  expires = math.max(now, ms) + tombstone_ttl
  entry = string.sub(entry, 1, 4) .. stamp .. struct.pack('>I8', expires)
elseif stamp ~= string.sub(entry, 5, 16) then
  entry = string.sub(entry, 1, 4) .. stamp .. string.sub(entry, 17)
end
redis.call('SET', KEYS[1], entry, 'PXAT', string.format('%.0f', math.max(expires, kept_until)))
redis.call('EXISTS', KEYS[1])
return done .. live .. stamp
`;

/** The script that makes every write, and the name Redis caches it under (EVALSHA). */
export const WRITE_SCRIPT = {
  source: SOURCE,
  sha1: createHash("sha1").update(SOURCE).digest("hex"),
} as const;

/** What stands for each mode in the script's arguments. */
export const MODE_LETTERS: Readonly<Record<WriteMode, string>> = {
  ordinary: "w",
  replay: "r",
  rewrap: "k",
  event: "e",
};

/** `entry`, `not-after`, `mode` and `tombstone TTL` as the script takes them. */
export type WriteArguments = [Buffer, string, string, string];

/** The script's arguments for a write. */
export function writeArguments(
  { entry, mode }: StoreWrite,
  options: { readonly notAfterMs: number; readonly tombstoneTtlMs: number },
): WriteArguments {
  const bytes = encodeEntry(entry);
  return [
    Buffer.from(bytes.buffer, 0, bytes.length),
    String(Math.floor(options.notAfterMs)),
    MODE_LETTERS[mode],
    String(options.tombstoneTtlMs),
  ];
}

const LATE = "L".charCodeAt(0);
const SUPERSEDED = "S".charCodeAt(0);
const EXPIRED = "X".charCodeAt(0);
const LIVE = "1".charCodeAt(0);
const STAMP_OFFSET = 2;

/** What the script did, without what only the sender knows. */
export type WriteReply =
  | {
    readonly status: "written";
    readonly stamp: Stamp;
    readonly replaced: boolean;
    readonly isExpired: boolean;
  }
  | { readonly status: "late" }
  | { readonly status: "superseded" };

/** Reads the script's reply; throws a `TypeError` for a reply that is none of its own. */
export function parseWriteReply(reply: Uint8Array): WriteReply {
  if (reply[0] === LATE) return { status: "late" };
  if (reply[0] === SUPERSEDED) return { status: "superseded" };
  if (reply.length !== STAMP_OFFSET + STAMP_BYTES) {
    throw new TypeError(`The write script replied ${reply.length} bytes.`);
  }
  const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
  return {
    status: "written",
    stamp: readStamp(view, STAMP_OFFSET),
    replaced: reply[1] === LIVE,
    isExpired: reply[0] === EXPIRED,
  };
}
