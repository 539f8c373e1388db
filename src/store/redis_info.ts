/** The `run_id` of an INFO reply: which process of a server answered; empty where it is missing. */
export function runIdOf(info: string): string {
  return /^run_id:(\S+)/m.exec(info)?.[1] ?? "";
}
