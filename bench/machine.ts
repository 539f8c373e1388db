import type { RedisServer } from "../tests/support/redis_server.ts";

/** Where and of what the figures are. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly deno: string;
  readonly redis: string;
  /** How many processes wanted a core in the minute before; near 0 when nothing else ran. */
  readonly loadBefore: number;
}

/** Describes this machine as it is before the load. */
export async function describeMachine(redis: RedisServer): Promise<Machine> {
  const cpuInfo = await Deno.readTextFile("/proc/cpuinfo");
  const processor = /^model name\s*: (.*)$/m.exec(cpuInfo)?.[1];
  const version = /^redis_version:(\S+)/m.exec(await redis.command("INFO", "server"))?.[1];
  const [loadBefore = NaN] = Deno.loadavg();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: await commit(),
    processor: processor ?? Deno.build.arch,
    // Not `navigator.hardwareConcurrency`: this process may be pinned to one of them.
    cores: cpuInfo.match(/^processor\s*:/gm)?.length ?? 1,
    memoryGib: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    kernel: `${Deno.build.os} ${Deno.osRelease()}`,
    deno: Deno.version.deno,
    redis: version ?? "unknown",
    loadBefore,
  };
}

async function commit(): Promise<string> {
  const { stdout } = await new Deno.Command("git", {
    args: ["describe", "--always", "--dirty", "--match", ""],
    cwd: new URL("..", import.meta.url),
  }).output();
  return new TextDecoder().decode(stdout).trim();
}
