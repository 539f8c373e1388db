/** The path of an executable on PATH (or at `name`, if that is a path), or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = name.includes("/") ? [""] : (Deno.env.get("PATH") ?? "").split(":");
  return folders
    .map((folder) => folder === "" ? name : `${folder}/${name}`)
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
