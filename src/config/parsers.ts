import { isEncryptionKey } from "../core/encryption_key.ts";
import { hostPort } from "../core/host_port.ts";
import { namespaceFault, utf8Length } from "../core/key.ts";
import { MAX_TTL_SECONDS } from "../core/limits.ts";
import { Secret } from "../core/secret.ts";
import { redactUrl } from "./redact.ts";

/** Says what a text should have been, and never holds the text: it may be a secret. */
export class Unparsable {
  constructor(readonly expected: string) {}
}

/** A kind of setting: how its text is read, and how its value is shown. */
export interface Kind<T> {
  /** Its text is never shown, and may come from the file that `NAME_FILE` names. */
  readonly secret?: true;
  /** Its text is the path of a file that must be readable at start. */
  readonly file?: true;
  parse(text: string): T | Unparsable;
  /** The value as an operator would write it; never a secret. */
  print(value: T): string | number | boolean;
}

const MEGABYTE = 1024 * 1024;
const UNIT_MS = new Map([["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]]);

export const boolean: Kind<boolean> = {
  parse(text): boolean | Unparsable {
    if (text === "true" || text === "1") return true;
    if (text === "false" || text === "0") return false;
    return new Unparsable("true or false");
  },
  print: (value) => value,
};

/** An integer from `min` to `max`, both included. */
export function integer(range: { min: number; max: number }): Kind<number> {
  return {
    parse(text): number | Unparsable {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
      if (value >= range.min && value <= range.max) return value;
      return new Unparsable(`an integer from ${range.min} to ${range.max}`);
    },
    print: (value) => value,
  };
}

/** A port to listen on; 0 takes any free one. */
export const port: Kind<number> = integer({ min: 0, max: 65_535 });

/** Written in megabytes (MiB), held in bytes. */
export function megabytes(range: { min: number; max: number }): Kind<number> {
  const count = integer(range);
  return {
    parse(text): number | Unparsable {
      const value = count.parse(text);
      return value instanceof Unparsable ? value : value * MEGABYTE;
    },
    print: (bytes) => bytes / MEGABYTE,
  };
}

/** Written as `0`, `300ms`, `5s`, `10m` or `1h`, held in milliseconds, from `minMs` to `maxMs`. */
export function duration(range: { minMs: number; maxMs: number }): Kind<number> {
  const expected = `a duration from ${printDuration(range.minMs)} to ` +
    `${printDuration(range.maxMs)}, such as 300ms, 5s, 10m or 1h`;
  return {
    parse(text): number | Unparsable {
      const valueMs = text === "0" ? 0 : parseDuration(text);
      if (valueMs >= range.minMs && valueMs <= range.maxMs) return valueMs;
      return new Unparsable(expected);
    },
    print: printDuration,
  };
}

/** The TTL of an entry: a duration of whole seconds, held in seconds. */
export const ttl: Kind<number> = {
  parse(text): number | Unparsable {
    const seconds = parseDuration(text) / 1000;
    if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_TTL_SECONDS) return seconds;
    return new Unparsable(`whole seconds from 1s to ${printDuration(MAX_TTL_SECONDS * 1000)}`);
  },
  print: (seconds) => printDuration(seconds * 1000),
};

/** One of a closed set of words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Kind<Word> {
  return {
    parse: (text) =>
      words.find((word) => word === text) ?? new Unparsable(`one of: ${words.join(", ")}`),
    print: (value) => value,
  };
}

/** A text that `pattern` matches; `expected` says so in words. */
export function text(pattern: RegExp, expected: string): Kind<string> {
  return {
    parse: (value) => pattern.test(value) ? value : new Unparsable(expected),
    print: (value) => value,
  };
}

/** The path of a file that must be readable at start. */
export const file: Kind<string> = {
  file: true,
  parse: (path) => path,
  print: (path) => path,
};

/** A secret of at least `minBytes` bytes of UTF-8. */
export function secret({ minBytes }: { minBytes: number }): Kind<Secret> {
  return {
    secret: true,
    parse(value): Secret | Unparsable {
      if (utf8Length(value) >= minBytes) return new Secret(value);
      return new Unparsable(`at least ${minBytes} bytes long`);
    },
    print: String,
  };
}

/** A key for AES-256, in base64. */
export const encryptionKey: Kind<Secret> = {
  secret: true,
  parse(value): Secret | Unparsable {
    if (isEncryptionKey(value)) return new Secret(value);
    return new Unparsable("base64 of exactly 32 bytes");
  },
  print: String,
};

/** Items between commas, spaces around them dropped; no text is an empty list. */
export function listOf<T>(item: Kind<T>): Kind<readonly T[]> {
  return {
    ...(item.secret && { secret: item.secret }),
    parse(value): readonly T[] | Unparsable {
      const list: T[] = [];
      for (const part of value === "" ? [] : value.split(",")) {
        const parsed = item.parse(part.trim());
        if (parsed instanceof Unparsable) {
          return new Unparsable(`a list with commas, each item ${parsed.expected}`);
        }
        list.push(parsed);
      }
      return list;
    },
    print: (list) => list.map((value) => item.print(value)).join(","),
  };
}

/** Where a server listens: a name or an IP address, and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `1.2.3.4:port` or `[::1]:port`; the host is held without brackets. */
export const address: Kind<Address> = {
  parse(value): Address | Unparsable {
    const [, ipv6, name, digits = ""] =
      /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([\w.-]{1,253})):(\d{1,5})$/.exec(value) ?? [];
    const host = ipv6 ?? name;
    const number = Number(digits);
    if (host !== undefined && number >= 1 && number <= 65_535) return { host, port: number };
    return new Unparsable("host:port or [IPv6]:port, with a port from 1 to 65535");
  },
  print: ({ host, port }) => hostPort(host, port),
};

/** An absolute http or https URL; `fetch` refuses one that carries a user or a password. */
export const httpUrl: Kind<string> = {
  parse(value): string | Unparsable {
    const url = URL.parse(value);
    if (url !== null && /^https?:\/\//i.test(value) && url.username + url.password === "") {
      return value;
    }
    return new Unparsable("an http or https URL without user and password");
  },
  print: redactUrl,
};

/** URLs of RabbitMQ or addresses of Kafka. A URL may hold its password, so the text is a secret. */
export const brokerUrls: Kind<readonly string[]> = {
  secret: true,
  parse(value): readonly string[] | Unparsable {
    // A password may hold a comma, so URLs part only where another one begins.
    const separator = value.includes("://") ? /,(?=\s*amqps?:\/\/)/ : ",";
    const urls = value === "" ? [] : value.split(separator).map((url) => url.trim());
    if (urls.every((url) => isAmqpUrl(url) || !(address.parse(url) instanceof Unparsable))) {
      return urls;
    }
    return new Unparsable("amqp:// or amqps:// URLs or host:port addresses, with commas");
  },
  print: (urls) => urls.map(redactUrl).join(","),
};

/** A namespace that entries may have, or `*` for all of them. */
export const namespaceOrAll: Kind<string> = {
  parse: (value) =>
    value === "*" || namespaceFault(value) === undefined
      ? value
      : new Unparsable("a namespace (1 to 64 of A-Z a-z 0-9 . _ -) or *"),
  print: (value) => value,
};

/** The path of the metrics; it may hide no other route. */
export const metricsPath: Kind<string> = {
  parse(value): string | Unparsable {
    const isPath = /^(\/[\w~-][\w.~-]*)+$/.test(value) && value.length <= 200;
    const isTaken = /^\/(health|live|ready|openapi\.json|api(\/.*)?)$/.test(value);
    if (isPath && !isTaken) return value;
    return new Unparsable("a path such as /metrics that no other route has");
  },
  print: (value) => value,
};

function isAmqpUrl(value: string): boolean {
  return /^amqps?:\/\//.test(value) && /^([\w.-]+|\[.+\])$/.test(URL.parse(value)?.hostname ?? "");
}

function parseDuration(value: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,12})(ms|s|m|h)$/.exec(value) ?? [];
  return digits === "" ? NaN : Number(digits) * (UNIT_MS.get(unit) ?? NaN);
}

function printDuration(valueMs: number): string {
  if (valueMs === 0) return "0";
  for (const [unit, unitMs] of UNIT_MS) {
    if (valueMs % unitMs === 0) return `${valueMs / unitMs}${unit}`;
  }
  return `${valueMs}ms`;
}
