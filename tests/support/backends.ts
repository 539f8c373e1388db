import { findProgram } from "./find_program.ts";

/** Whether tests that start servers run here: TEST_LEGS=memory leaves them out. */
export function serverLegs(): boolean {
  return Deno.env.get("TEST_LEGS") !== "memory";
}

export interface ServerTest {
  readonly name: string;
  /** Programs on PATH, or paths of programs, that the test starts. */
  readonly needs: readonly string[];
  readonly fn: (context: Deno.TestContext) => void | Promise<void>;
}

function missing(needs: readonly string[]): readonly string[] {
  return needs.filter((program) => findProgram(program) === undefined);
}

/**
 * Registers a test that starts servers. Where a program is missing the test is skipped and its
 * title says which; .ci/run counts that as a failure. Without server legs nothing is registered.
 */
export function serverTest(test: ServerTest): void {
  if (!serverLegs()) return;
  const absent = missing(test.needs);
  const ignore = absent.length > 0;
  const name = ignore ? `${test.name} (missing: ${absent.join(", ")})` : test.name;
  Deno.test({ name, ignore, fn: test.fn });
}

/**
 * One server for all tests of a file: started before the first of them, stopped after the last.
 * Call it at the top of the file; call what it returns inside the tests.
 */
export function sharedServer<T extends AsyncDisposable>(
  options: { readonly needs: readonly string[]; readonly start: () => Promise<T> },
): () => T {
  let server: T | undefined;
  if (serverLegs() && missing(options.needs).length === 0) {
    Deno.test.beforeAll(async () => {
      server = await options.start();
    });
    Deno.test.afterAll(async () => {
      await server?.[Symbol.asyncDispose]();
    });
  }
  return () => {
    if (server === undefined) throw new Error("the shared server runs during server tests only");
    return server;
  };
}
