// Runs before the program: a signal that it does not use provokes a fault that it does not handle.
Deno.addSignalListener("SIGWINCH", () => {
  throw new Error("provoked");
});
