import type { Operation } from "./principal.ts";
import type { Source } from "./store.ts";
import type { Span } from "./span.ts";

/**
 * One operation on its way, for metrics, log and trace: whoever learns something of it writes it here.
 * One object is made for each call, and no other.
 */
export class OperationRecord {
  readonly operation: Operation;
  readonly correlationId: string;
  /** Monotonic milliseconds. */
  readonly startedAtMs: number;
  /** The span of the call; nothing where it is not traced. */
  readonly span: Span | undefined;
  /** Set once it is known to be one; so are those below. */
  namespace: string | undefined;
  /** Of an operation on one key. It is never logged as it is. */
  key: string | undefined;
  subject: string | undefined;
  /** "ok", "hit", "miss", "cancelled", or the code of a refusal. */
  outcome = "ok";
  /** Where the last hit came from. */
  source: Source | undefined;
  degraded = false;
  hitsOfRedis = 0;
  localHits = 0;
  misses = 0;

  constructor(operation: Operation, start: {
    readonly correlationId: string;
    readonly startedAtMs: number;
    readonly span?: Span | undefined;
  }) {
    this.operation = operation;
    this.correlationId = start.correlationId;
    this.startedAtMs = start.startedAtMs;
    this.span = start.span;
  }

  /** Notes what reading one key gave. */
  read(
    result: { readonly found: boolean; readonly source?: Source; readonly degraded: boolean },
  ): void {
    this.degraded ||= result.degraded;
    if (!result.found) {
      this.misses++;
    } else {
      this.source = result.source;
      if (result.source === "local") this.localHits++;
      else this.hitsOfRedis++;
    }
  }
}
