import process from "node:process";
import { Counter, Gauge, type Registry } from "prom-client";

/** The usual metrics of a process, where this system tells them. */
export function registerProcessMetrics(registry: Registry): void {
  const registers = [registry];
  const startedAtSeconds = (Date.now() - performance.now()) / 1000;
  new Gauge({
    name: "process_start_time_seconds",
    help: "Start of the process, in Unix seconds.",
    registers,
  }).set(startedAtSeconds);
  let counted = 0;
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time of the process.",
    registers,
    collect(): void {
      const { user, system } = process.cpuUsage();
      const seconds = (user + system) / 1e6;
      this.inc(Math.max(0, seconds - counted));
      counted = seconds;
    },
  });
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of the process.",
    registers,
    collect(): void {
      this.set(Deno.memoryUsage().rss);
    },
  });
  new Gauge({
    name: "process_heap_bytes",
    help: "JavaScript heap in use.",
    registers,
    collect(): void {
      this.set(Deno.memoryUsage().heapUsed);
    },
  });
}
