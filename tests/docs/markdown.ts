const ROOT = new URL("../../", import.meta.url);

/** Every document: README.md and what is in docs/, by its path. */
export function documents(): readonly string[] {
  const below = (folder: string): string[] =>
    [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
      isDirectory ? below(`${folder}${name}/`) : name.endsWith(".md") ? `${folder}${name}` : []
    );
  return ["README.md", ...below("docs/").sort()];
}

/** The text without what stands in blocks of code, whose lines stay, empty. */
export function withoutCodeBlocks(text: string): string {
  return text.replace(
    /^( *)```.*\n(?:.*\n)*?\1```$/gm,
    (block) => "\n".repeat(block.split("\n").length - 1),
  );
}

/** The anchors that GitHub gives to the headings. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutCodeBlocks(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim().toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
    let unique = anchor;
    for (let copy = 1; anchors.has(unique); copy++) unique = `${anchor}-${copy}`;
    anchors.add(unique);
  }
  return anchors;
}

/** A link to another place of the project; the path is empty where it is the same document. */
export interface Link {
  readonly path: string;
  readonly anchor: string | undefined;
}

/** The links that do not lead out of the project. */
export function linksOf(text: string): readonly Link[] {
  const links = withoutCodeBlocks(text).matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g);
  return [...links].map(([, path = "", anchor]) => ({ path, anchor }));
}

/** The lines between a heading and the next of its level or above. */
export function section(text: string, heading: string): string {
  const level = heading.indexOf(" ");
  const [, after] = `\n${text}`.split(`\n${heading}\n`);
  if (after === undefined) throw new Error(`there is no heading ${JSON.stringify(heading)}`);
  return after.split(new RegExp(`\n#{1,${level}} `))[0] ?? "";
}
