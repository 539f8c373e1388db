// deno-lint-ignore-file no-console -- the one place where commands speak to a person or a pipe

/** Writes a result to standard output. */
export function print(text: string): void {
  console.log(text);
}

/** Writes what went wrong to standard error. */
export function complain(text: string): void {
  console.error(text);
}
