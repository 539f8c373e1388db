/** One operation of a history: when it was called and when it returned, in any one counting. */
export interface Recorded<Operation> {
  readonly operation: Operation;
  readonly calledAt: number;
  readonly returnedAt: number;
}

/** What the operations do, one after another; nothing where the recorded result cannot be. */
export type Model<State, Operation> = (
  state: State,
  operation: Operation,
) => { state: State } | undefined;

/**
 * Looks for a serial order that explains a history: each operation between its call and its return
 * (Wing and Gong, "Testing and Verifying Concurrent Objects", 1993). `sameState` names a state, so
 * that none is searched twice. Meant for a dozen concurrent operations.
 */
export function findSerialOrder<State, Operation>(
  history: readonly Recorded<Operation>[],
  options: {
    readonly initial: State;
    readonly model: Model<State, Operation>;
    readonly nameState: (state: State) => string;
  },
): Operation[] | undefined {
  const dead = new Set<string>();
  const search = (state: State, left: readonly Recorded<Operation>[]): Operation[] | undefined => {
    if (left.length === 0) return [];
    const name = `${options.nameState(state)}|${left.map((op) => op.calledAt).join()}`;
    if (dead.has(name)) return undefined;
    const firstReturn = Math.min(...left.map((op) => op.returnedAt));
    for (const next of left) {
      if (next.calledAt > firstReturn) continue;
      const after = options.model(state, next.operation);
      if (after === undefined) continue;
      const rest = search(after.state, left.filter((op) => op !== next));
      if (rest !== undefined) return [next.operation, ...rest];
    }
    dead.add(name);
    return undefined;
  };
  return search(options.initial, history);
}
