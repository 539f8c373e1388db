import type { InvalidationEvent } from "../core/bus.ts";
import { keyFault, namespaceFault } from "../core/key.ts";
import { MAX_EVENT_BYTES, MAX_EVENT_KEYS, MAX_TTL_SECONDS } from "../core/limits.ts";

/** Unix seconds stay below this number until the year 5138, milliseconds are above it since 1973. */
const FIRST_MILLISECONDS = 100_000_000_000;
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const VERSION = 1;

/** Why a message can never be carried out. */
export type DeadReason =
  | "too_large"
  | "not_json"
  | "wrong_shape"
  | "unknown_version"
  | "invalid_namespace"
  | "invalid_key"
  | "invalid_timestamp"
  | "invalid_value"
  | "invalid_ttl"
  | "too_many_keys"
  | "refused";

/** What is wrong with a message; `detail` holds nothing of the message. */
export interface DeadLetter {
  readonly reason: DeadReason;
  readonly detail: string;
}

/** Bounds of what an event may name and hold. */
export interface EventLimits {
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
}

/** Thrown inside the codec only. */
class Fault extends Error implements DeadLetter {
  constructor(readonly reason: DeadReason, readonly detail: string) {
    super(detail);
  }
}

/**
 * Reads an event: JSON of `{"namespace", "keys", "action", "timestamp", "values"?, "ttl_seconds"?,
 * "version"?}` with values in base64; other members are ignored. `timestamp` is Unix seconds,
 * milliseconds, or RFC 3339; whole seconds stand for their last millisecond.
 */
export function decodeEvent(
  message: Uint8Array,
  limits: EventLimits,
): InvalidationEvent | DeadLetter {
  try {
    return eventOf(parse(message), limits);
  } catch (error) {
    if (error instanceof Fault) return { reason: error.reason, detail: error.detail };
    throw error;
  }
}

/** Whether `decodeEvent` gave an event. */
export function isEvent(decoded: InvalidationEvent | DeadLetter): decoded is InvalidationEvent {
  return "keys" in decoded;
}

/** The message that tells of `event`; its time is rounded down to whole seconds. */
export function encodeEvent(event: InvalidationEvent): Uint8Array<ArrayBuffer> {
  const { namespace, keys, action, atMs, values, ttlSeconds } = event;
  // Text by hand for the values: a member named `__proto__` would be none of a plain object.
  const members = [...values].map(([key, value]) => `${JSON.stringify(key)}:"${value.toBase64()}"`);
  const head = { version: VERSION, namespace, keys, action, timestamp: Math.floor(atMs / 1000) };
  const ttl = ttlSeconds === undefined ? "" : `,"ttl_seconds":${ttlSeconds}`;
  const tail = members.length === 0 ? "" : `,"values":{${members.join(",")}}${ttl}`;
  return new TextEncoder().encode(`${JSON.stringify(head).slice(0, -1)}${tail}}`);
}

function parse(message: Uint8Array): Record<string, unknown> {
  if (message.length > MAX_EVENT_BYTES) {
    throw new Fault(
      "too_large",
      `An event has at most ${MAX_EVENT_BYTES} bytes; this one has ${message.length}.`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(message));
  } catch {
    throw new Fault("not_json", "The message is not JSON in UTF-8.");
  }
  if (!isRecord(json)) throw new Fault("wrong_shape", "The message is not a JSON object.");
  return json;
}

function eventOf(json: Record<string, unknown>, limits: EventLimits): InvalidationEvent {
  if (json.version !== undefined && json.version !== VERSION) {
    throw new Fault("unknown_version", `This version reads events of version ${VERSION}.`);
  }
  const { namespace, action } = json;
  if (typeof namespace !== "string" || namespaceFault(namespace) !== undefined) {
    throw new Fault("invalid_namespace", "`namespace` is not the name of a namespace.");
  }
  if (action !== "delete" && action !== "update") {
    throw new Fault("wrong_shape", "`action` is neither `delete` nor `update`.");
  }
  const keys = keysOf(json.keys, limits);
  const atMs = timeOf(json.timestamp);
  if (action === "delete") {
    return { namespace, keys, action, atMs, values: new Map(), ttlSeconds: undefined };
  }
  const values = valuesOf(json.values, { keys, limits });
  return { namespace, keys, action, atMs, values, ttlSeconds: ttlOf(json.ttl_seconds) };
}

function keysOf(json: unknown, { maxKeyBytes }: EventLimits): string[] {
  if (!Array.isArray(json)) throw new Fault("wrong_shape", "`keys` is not a list.");
  if (json.length > MAX_EVENT_KEYS) {
    throw new Fault(
      "too_many_keys",
      `An event names at most ${MAX_EVENT_KEYS} keys; this one names ${json.length}.`,
    );
  }
  const keys = new Set<string>();
  for (const key of json) {
    const fault = typeof key === "string" ? keyFault(key, maxKeyBytes)?.message : "not a string";
    if (fault !== undefined) throw new Fault("invalid_key", `One of \`keys\`: ${fault}`);
    keys.add(key);
  }
  return [...keys];
}

function timeOf(json: unknown): number {
  if (typeof json === "number" && Number.isFinite(json) && json >= 0) {
    if (json >= FIRST_MILLISECONDS) return checkedTime(Math.floor(json));
    return Number.isInteger(json) ? json * 1000 + 999 : Math.floor(json * 1000);
  }
  if (typeof json === "string" && RFC_3339.test(json)) {
    const ms = Date.parse(json.replace(" ", "T").toUpperCase());
    if (Number.isFinite(ms)) return checkedTime(json.includes(".") ? ms : ms + 999);
  }
  throw new Fault(
    "invalid_timestamp",
    "`timestamp` is neither Unix seconds or milliseconds nor an RFC 3339 time.",
  );
}

/** Stamps hold 48 bits of milliseconds. */
function checkedTime(ms: number): number {
  if (ms >= 0 && ms < 2 ** 48) return ms;
  throw new Fault("invalid_timestamp", "`timestamp` is before 1970 or after the year 10889.");
}

function valuesOf(
  json: unknown,
  { keys, limits }: { readonly keys: readonly string[]; readonly limits: EventLimits },
): Map<string, Uint8Array<ArrayBuffer>> {
  const values = new Map<string, Uint8Array<ArrayBuffer>>();
  if (json === undefined || json === null) return values;
  if (!isRecord(json)) throw new Fault("wrong_shape", "`values` is not an object.");
  for (const key of keys) {
    if (!Object.hasOwn(json, key)) continue;
    const value = bytesOf(json[key]);
    if (value.length > limits.maxValueBytes) {
      throw new Fault(
        "invalid_value",
        `A value has at most ${limits.maxValueBytes} bytes; one of \`values\` has ${value.length}.`,
      );
    }
    values.set(key, value);
  }
  return values;
}

function bytesOf(json: unknown): Uint8Array<ArrayBuffer> {
  try {
    if (typeof json === "string") return Uint8Array.fromBase64(json);
  } catch {
    // Said below, as for what is no string.
  }
  throw new Fault("invalid_value", "One of `values` is not base64.");
}

function ttlOf(json: unknown): number | undefined {
  if (json === undefined || json === null || json === 0) return undefined;
  if (typeof json === "number" && Number.isInteger(json) && json >= 1 && json <= MAX_TTL_SECONDS) {
    return json;
  }
  throw new Fault(
    "invalid_ttl",
    `\`ttl_seconds\` is not a whole number of seconds from 0 to ${MAX_TTL_SECONDS}.`,
  );
}

function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
