import { type Kind, Unparsable } from "../config/parsers.ts";
import { type Arguments, UsageError } from "./arguments.ts";

/** The argument of an option, read as a kind of setting is; throws `UsageError`. */
export function optionValue<Name extends string, T>(
  args: Arguments<Name>,
  name: Name,
  kind: Kind<T>,
): T | undefined {
  const text = args.value(name);
  return text === undefined ? undefined : parseOption(text, { name, kind });
}

/** One argument of an option, read as a kind of setting is; throws `UsageError`. */
export function parseOption<T>(
  text: string,
  { name, kind }: { readonly name: string; readonly kind: Kind<T> },
): T {
  const value = kind.parse(text);
  if (!(value instanceof Unparsable)) return value;
  throw new UsageError(`--${name} must be ${value.expected}; got ${JSON.stringify(text)}.`);
}
