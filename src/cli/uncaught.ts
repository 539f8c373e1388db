/**
 * Rejects with the first error that nobody handles, from now on. None of them ends the process any
 * more: whoever awaits this has to.
 */
export function uncaught(target: EventTarget = globalThis): Promise<never> {
  return new Promise((_, reject) => {
    target.addEventListener("error", (event) => {
      event.preventDefault();
      reject(event instanceof ErrorEvent ? event.error : event);
    });
    target.addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      reject(event instanceof PromiseRejectionEvent ? event.reason : event);
    });
  });
}
