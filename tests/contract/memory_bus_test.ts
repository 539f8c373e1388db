import { MemoryBus, MemoryHub } from "../../src/bus/memory_bus.ts";
import { checkBusContract } from "./bus_contract.ts";

Deno.test("the memory bus keeps the bus contract", async (context) => {
  const hubs = new Map<string, MemoryHub>();
  await checkBusContract(context, {
    open(topic): MemoryBus {
      const hub = hubs.get(topic) ?? new MemoryHub();
      hubs.set(topic, hub);
      return new MemoryBus(hub);
    },
  });
});
