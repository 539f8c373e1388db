import { readProject } from "../deploy/deploy_files.ts";

export interface PackageVersion {
  readonly name: string;
  readonly version: string;
}

const NPM = /(?:^|:|\s)(@?[\w./-]+)@([\d.]+)/gm;
const GO_MODULE = /^(?:require)?\s+([\w./-]+) v([\d.]+)/gm;
const PYTHON = /(?:^|\s)([\w-]+)==([\d.]+)/gm;
const GO_INSTALL = /\s([\w./-]+)@v([\d.]+)/gm;

/** The packages that commands install, with their versions. */
export function installedPackages(commands: string): PackageVersion[] {
  return [NPM, PYTHON, GO_INSTALL].flatMap((pattern) => found(pattern, commands));
}

/**
 * The versions that the examples are run with, by the names of packages; a Go package has that of
 * its module.
 */
export function pinnedVersions(): (name: string) => string | undefined {
  const { imports } = JSON.parse(readProject("deno.json"));
  const packages = [
    ...found(NPM, Object.values<string>(imports).join("\n")),
    ...found(GO_MODULE, readProject("tests/docs/go.mod")),
    ...found(PYTHON, readProject("tests/docs/requirements.txt")),
  ];
  return (wanted) =>
    packages.filter(({ name }) => wanted === name || wanted.startsWith(`${name}/`))
      .sort((one, other) => other.name.length - one.name.length)[0]?.version;
}

function found(pattern: RegExp, text: string): PackageVersion[] {
  return [...text.matchAll(pattern)].map(([, name = "", version = ""]) => ({ name, version }));
}
