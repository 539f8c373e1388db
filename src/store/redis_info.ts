/** Whether the INFO reply of a server (its section `replication`) is a master's. */
export function isMaster(info: string): boolean {
  return /^role:master\r?$/m.test(info);
}

/** The `run_id` of an INFO reply: which process of a server answered; empty where it is missing. */
export function runIdOf(info: string): string {
  return /^run_id:(\S+)/m.exec(info)?.[1] ?? "";
}
