import type { Kind } from "./parsers.ts";

/** One environment variable that the service reads. */
export interface Setting<T> {
  /** The variable's name. */
  readonly name: string;
  readonly kind: Kind<T>;
  /** One line for the operator. */
  readonly about: string;
  /** The text that counts when the variable is unset. */
  readonly default?: string;
  /** A variable of another standard, read when this one and its default are missing. */
  readonly fallback?: string;
}

/** A setting that always has a value. */
export interface DefaultedSetting<T> extends Setting<T> {
  readonly default: string;
}

/** Declares a setting with a default; `""` is the default of a list that may be empty. */
export function setting<T>(
  name: string,
  kind: Kind<T>,
  options: { default: string; about: string },
): DefaultedSetting<T> {
  return { name, kind, ...options };
}

/** Declares a setting without a default: its member of `Config` is absent while it is unset. */
export function optional<T>(
  name: string,
  kind: Kind<T>,
  options: { about: string; fallback?: string },
): Setting<T> {
  return { name, kind, ...options };
}

/** The values of a group of settings, under the same member names. */
export type ValuesOf<Group> =
  & {
    readonly [M in keyof Group as Group[M] extends DefaultedSetting<unknown> ? M : never]: ValueOf<
      Group[M]
    >;
  }
  & {
    readonly [M in keyof Group as Group[M] extends DefaultedSetting<unknown> ? never : M]?: ValueOf<
      Group[M]
    >;
  };

type ValueOf<S> = S extends Setting<infer T> ? T : never;
