import type { Clock } from "./clock.ts";

/** Waits until `work` settles, either way, or `ms` milliseconds are over; says whether it settled. */
export function settlesWithin(
  work: Promise<unknown>,
  { ms, clock }: { readonly ms: number; readonly clock: Clock },
): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => resolve(false), ms);
    const settle = (): void => {
      timer.cancel();
      resolve(true);
    };
    work.then(settle, settle);
  });
}
