// deno-lint-ignore-file no-console -- the one place where commands speak to a person or a pipe

/** Writes a result to standard output. */
export function print(text: string): void {
  console.log(text);
}

/** Writes bytes to standard output as they are; only a terminal gets an end of the line besides. */
export async function printBytes(bytes: Uint8Array): Promise<void> {
  try {
    let rest = bytes;
    while (rest.length > 0) rest = rest.subarray(await Deno.stdout.write(rest));
  } catch (error) {
    // Whoever read it has had enough, as `head` does.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
  if (Deno.stdout.isTerminal()) print("");
}

/** Writes what went wrong to standard error. */
export function complain(text: string): void {
  console.error(text);
}

/** Replaces the line of progress on a terminal; an empty text removes it. Elsewhere says nothing. */
export function showProgress(text: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}
