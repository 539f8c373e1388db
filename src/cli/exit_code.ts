/** How a command ended, as its exit code says (69 and 78 as in sysexits.h). */
export const EXIT = { done: 0, failed: 1, usage: 2, unavailable: 69, configuration: 78 } as const;
