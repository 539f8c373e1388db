import { Unparsable } from "./config/parsers.ts";
import { quote, redactUrl } from "./config/redact.ts";
import { DOUBTS, type Machine, type Relation, REQUIREMENTS } from "./config/relations.ts";
import type { Setting, ValuesOf } from "./config/setting.ts";
import { type Config, KNOWN_NAMES, SETTINGS } from "./config/settings.ts";
import { TABLE } from "./config/table.ts";
import { findUnknownNames, isInjectedByKubelet } from "./config/unknown_names.ts";

export type { Config } from "./config/settings.ts";

/** Everything that is wrong with the environment; its message has one line a fault. */
export class ConfigFaults extends Error {
  override readonly name = "ConfigFaults";

  readonly #sound: Config;

  constructor(readonly faults: readonly string[], sound: Config) {
    super(faults.join("\n"));
    this.#sound = sound;
  }

  /** What was read all the same; what is faulty is at its default or left out. */
  get sound(): Config {
    return this.#sound;
  }
}

/** What `parseConfig` needs besides the environment. */
export interface ParseOptions extends Machine {
  /** The text of a file; throws when it cannot be read. */
  readFile(path: string): string;
}

/**
 * Reads and checks every setting. Returns the configuration and what is odd about it, or every
 * fault at once; never throws, and no message holds a secret. An empty variable counts as unset.
 */
export function parseConfig(
  env: Readonly<Record<string, string>>,
  options: ParseOptions,
): { config: Config; warnings: readonly string[] } | ConfigFaults {
  const given = new Map(
    Object.entries(env).filter(([name, value]) =>
      value !== "" && !isInjectedByKubelet(name, value)
    ),
  );
  const reader = new SettingsReader(given, options);
  const config: Config = {
    server: reader.read(TABLE.server),
    redis: reader.read(TABLE.redis),
    breaker: reader.read(TABLE.breaker),
    cache: reader.read(TABLE.cache),
    broker: reader.read(TABLE.broker),
    auth: reader.read(TABLE.auth),
    telemetry: reader.read(TABLE.telemetry),
  };
  const broken = (relations: readonly Relation[]): string[] =>
    relations
      .filter(({ names }) => !names.some((name) => reader.faults.has(name)))
      .map(({ check }) => check(config, options))
      .filter((message) => typeof message === "string");

  const unknown = findUnknownNames(given.keys(), KNOWN_NAMES);
  const faults = [...reader.faults.values(), ...broken(REQUIREMENTS), ...unknown.faults];
  if (faults.length > 0) return new ConfigFaults(faults, config);
  return { config, warnings: [...broken(DOUBTS), ...unknown.warnings] };
}

/** A value that may be shown; null where the setting is unset and has no default. */
export type Shown = string | number | boolean | null;

/**
 * The configuration under the names of its settings and in their notation, secrets as
 * `[redacted]`, without the passwords of URLs.
 */
export function describeConfig(config: Config): Record<string, Shown> {
  const values = new Map<string, object>(Object.entries(config));
  return Object.fromEntries(
    Object.entries(TABLE).flatMap(([group, members]) => {
      const groupValues = new Map<string, unknown>(Object.entries(values.get(group) ?? {}));
      return Object.entries<Setting<unknown>>(members).map(([member, { name, kind }]) => {
        const value = groupValues.get(member);
        const isUnset = value === undefined || (Array.isArray(value) && value.length === 0);
        return [name, isUnset ? null : kind.print(value)];
      });
    }),
  );
}

const SETTING_NAMES: ReadonlySet<string> = new Set(SETTINGS.map(({ name }) => name));

/** Reads settings one by one and keeps the first fault of each. */
class SettingsReader {
  /** Messages by the name of the faulty setting. */
  readonly faults = new Map<string, string>();

  constructor(
    private readonly given: ReadonlyMap<string, string>,
    private readonly options: ParseOptions,
  ) {}

  /** The values of a group; a faulty one is replaced by its default or left out. */
  read<Group extends Record<string, Setting<unknown>>>(group: Group): ValuesOf<Group> {
    const values = Object.entries(group).flatMap(([member, setting]) => {
      const value = this.#value(setting);
      return value === undefined ? [] : [[member, value]];
    });
    // The entries were read by the very settings that the type is derived from.
    return Object.fromEntries(values) as ValuesOf<Group>;
  }

  #value(setting: Setting<unknown>): unknown {
    const { name, kind } = setting;
    const text = this.#text(setting);
    if (text !== undefined) {
      const value = kind.parse(text);
      if (!(value instanceof Unparsable)) {
        const isThere = !kind.file ||
          this.#readFile(name, { path: text, owner: name }) !== undefined;
        return isThere ? value : undefined;
      }
      const got = kind.secret ? "" : `; got ${quote(redactUrl(text))}`;
      this.#fault(name, `${name} must be ${value.expected}${got}`);
    }
    // Text of a fallback belongs to another standard: it either fits or does not count.
    const other = setting.default ??
      (setting.fallback === undefined ? undefined : this.given.get(setting.fallback));
    const value = other === undefined ? undefined : kind.parse(other);
    return value instanceof Unparsable ? undefined : value;
  }

  /** What was given for a setting, in its variable or, if it is a secret, in a file. */
  #text({ name, kind }: Setting<unknown>): string | undefined {
    const text = this.given.get(name);
    const fileName = `${name}_FILE`;
    const path = this.given.get(fileName);
    // AUTH_ENCRYPTION_KEY_FILE is a setting of its own: it is read again while the service runs.
    if (!kind.secret || path === undefined || SETTING_NAMES.has(fileName)) return text;
    if (text !== undefined) {
      this.#fault(name, `${name} and ${fileName} must not both be set`);
      return undefined;
    }
    const content = this.#readFile(fileName, { path, owner: name })?.replace(/\r?\n$/, "");
    if (content === "") this.#fault(name, `${fileName} names an empty file: ${quote(path)}`);
    return content === "" ? undefined : content;
  }

  #readFile(name: string, { path, owner }: { path: string; owner: string }): string | undefined {
    try {
      return this.options.readFile(path);
    } catch (error) {
      const reason = error instanceof Error ? error.name : "unknown error";
      this.#fault(owner, `${name} names a file that cannot be read (${reason}): ${quote(path)}`);
      return undefined;
    }
  }

  #fault(name: string, message: string): void {
    this.faults.set(name, this.faults.get(name) ?? message);
  }
}
