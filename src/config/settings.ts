import type { Setting, ValuesOf } from "./setting.ts";
import { TABLE } from "./table.ts";

/**
 * What the service runs with. Names end in their unit; a member without default is absent while its
 * setting is unset.
 */
export type Config = {
  readonly [Group in keyof typeof TABLE]: ValuesOf<typeof TABLE[Group]>;
};

/** A setting as its documentation needs it. */
export interface SettingDescription {
  readonly name: string;
  readonly group: string;
  /** Absent where unset means none. */
  readonly default?: string;
  readonly about: string;
  /** Never shown, and readable from the file that `NAME_FILE` names. */
  readonly secret: boolean;
}

/** Every setting, in the order of the table. */
export const SETTINGS: readonly SettingDescription[] = Object.entries(TABLE).flatMap((
  [group, members],
) =>
  Object.values<Setting<unknown>>(members).map((member) => ({
    name: member.name,
    group,
    ...(member.default && { default: member.default }),
    about: member.about,
    secret: member.kind.secret === true,
  }))
);

/** Every environment variable that belongs to the service, with the `NAME_FILE` of each secret. */
export const KNOWN_NAMES: ReadonlySet<string> = new Set(
  SETTINGS.flatMap(({ name, secret }) => secret ? [name, `${name}_FILE`] : [name]),
);
