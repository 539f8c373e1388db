/** The memory of a process that is resident, in bytes; by Linux' /proc. */
export function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} reports no resident memory`);
  return Number(kibibytes) * 1024;
}
