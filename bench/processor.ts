/** The core that the server under test has for itself, and that of everything else. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** Linux counts processor time for /proc in hundredths of a second on every architecture. */
const TICKS_PER_SECOND = 100;

/** Moves all threads of a process, and those that it starts from now on, to one core. */
export async function pinProcess(pid: number, core: number): Promise<void> {
  const { success } = await new Deno.Command("taskset", {
    args: ["-a", "-c", "-p", `${core}`, `${pid}`],
    stdout: "null",
  }).output();
  if (!success) throw new Error(`cannot pin process ${pid} to core ${core}: taskset failed`);
}

/** Seconds of processor time that a process and its finished children have used. */
export function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name before it may hold spaces; user and system time are fields 14 to 17 of the whole line.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / TICKS_PER_SECOND;
}
