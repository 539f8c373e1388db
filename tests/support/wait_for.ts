const EXPIRED = Symbol();

/**
 * Asks `condition` until it answers something truthy, and returns that. A condition that throws
 * has not come true yet. Throws after `deadlineMs`, also when an answer hangs, and names `what`
 * was awaited and the last error; asks every `intervalMs` (default 10).
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: { readonly deadlineMs: number; readonly what: string; readonly intervalMs?: number },
): Promise<NonNullable<T>> {
  let lastError: unknown;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const { promise: expired, resolve: expire } = Promise.withResolvers<typeof EXPIRED>();
  const deadline = setTimeout(() => expire(EXPIRED), options.deadlineMs);
  const attempt = async (): Promise<T | undefined> => {
    try {
      return await condition();
    } catch (error) {
      lastError = error;
      return undefined;
    }
  };
  const pause = (): Promise<void> =>
    new Promise((resolve) => timer = setTimeout(resolve, options.intervalMs ?? 10));
  try {
    while (true) {
      const answer = await Promise.race([attempt(), expired]);
      if (answer === EXPIRED) break;
      if (answer) return answer;
      if (await Promise.race([pause(), expired]) === EXPIRED) break;
    }
  } finally {
    clearTimeout(deadline);
    clearTimeout(timer);
  }
  const why = lastError instanceof Error ? `: ${lastError.message}` : "";
  throw new Error(`waited ${options.deadlineMs} ms for ${options.what}${why}`, {
    cause: lastError,
  });
}
