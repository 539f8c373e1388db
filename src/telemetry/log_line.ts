import {
  ansiColorFormatter,
  defaultTextFormatter,
  type LogLevel,
  type LogRecord,
  type TextFormatter,
} from "@logtape/logtape";
import { CacheError } from "../core/errors.ts";

/** Level names as log readers know them. */
const LEVELS: Readonly<Record<LogLevel, string>> = {
  trace: "debug",
  debug: "debug",
  info: "info",
  warning: "warn",
  error: "error",
  fatal: "error",
};

/** One JSON object and a newline: time (RFC 3339, ms), level, message, logger, then the fields. */
export const jsonLine: TextFormatter = (record) =>
  JSON.stringify({
    timestamp: new Date(record.timestamp).toISOString(),
    level: LEVELS[record.level],
    message: record.rawMessage.toString(),
    logger: record.category.join("."),
    ...shown(record),
  }) + "\n";

/** Lines for a person, coloured for a terminal. */
export function prettyLine(colour: boolean): TextFormatter {
  const format = colour ? ansiColorFormatter : defaultTextFormatter;
  return (record) => {
    const line = format(record).trimEnd();
    const fields = Object.entries(shown(record));
    if (fields.length === 0) return line + "\n";
    return `${line} ${fields.map(([name, value]) => `${name}=${asText(value)}`).join(" ")}\n`;
  };
}

function shown(record: LogRecord): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const name in record.properties) members[name] = describe(record.properties[name]);
  return members;
}

/** Errors have no enumerable members: without this a logged error would be `{}`. */
function describe(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return {
    name: value.name,
    message: value.message,
    ...(value instanceof CacheError ? { code: value.code } : { stack: value.stack }),
    ...(value.cause === undefined ? {} : { cause: describe(value.cause) }),
  };
}

/** What a caller sent may hold line ends and a terminal's control characters. */
function asText(value: unknown): string {
  const isPlain = typeof value === "string" && /^[^\p{C}\s"]+$/u.test(value);
  return isPlain ? value : (JSON.stringify(value) ?? "").replace(UNESCAPED, escaped);
}

/** Controls and line ends that JSON leaves as they are. */
const UNESCAPED = /[\u007f-\u009f\u2028\u2029]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
