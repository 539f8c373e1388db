import { setImmediate } from "node:timers/promises";
import type { Timer } from "../../src/core/clock.ts";
import { at, type Dice } from "./dice.ts";

/** Beyond this number of events a world runs in circles. */
const MAX_EVENTS = 500_000;
/** Of events of one instant, how many share a turn of the event loop with the next. */
const SHARED_TURN_CHANCE = 0.5;

interface Event extends Timer {
  readonly dueMs: number;
  /** Orders events of one instant by when they were planned. */
  readonly number: number;
  callback: (() => void) | undefined;
}

/**
 * The one time of a world, from 0. Events run in the order they are due; after each that may have
 * settled a promise, everything that hangs on it runs before time goes on.
 */
export class VirtualTime {
  readonly #dice: Dice;
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #events = 0;
  #woken = false;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs `callback` at `dueMs`, or as the next event if that has passed. */
  at(dueMs: number, callback: () => void): Timer {
    const event: Event = {
      dueMs: Math.max(dueMs, this.#nowMs),
      number: this.#events++,
      callback,
      cancel: () => void (event.callback = undefined),
    };
    this.#push(event);
    return event;
  }

  /** To be called in an event that may settle a promise. */
  wake(): void {
    this.#woken = true;
  }

  async runUntil(endMs: number): Promise<void> {
    await setImmediate();
    for (
      let next = this.#heap[0];
      next !== undefined && next.dueMs <= endMs;
      next = this.#heap[0]
    ) {
      this.#pop();
      if (next.callback === undefined) continue;
      if (this.#events > MAX_EVENTS) throw new Error(`more than ${MAX_EVENTS} events: endless`);
      this.#nowMs = next.dueMs;
      next.callback();
      if (!this.#woken) continue;
      // Replies that come in one packet are handled before what waits for them goes on.
      const sharesTurn = this.#heap[0]?.dueMs === this.#nowMs &&
        this.#dice.chance(SHARED_TURN_CHANCE);
      if (sharesTurn) continue;
      this.#woken = false;
      await setImmediate();
    }
    this.#nowMs = endMs;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, at(heap, parent))) break;
      heap[index] = at(heap, parent);
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const event = heap.pop();
    if (event === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(at(heap, child + 1), at(heap, child))) child++;
      if (!isBefore(at(heap, child), event)) break;
      heap[index] = at(heap, child);
      index = child;
    }
    heap[index] = event;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || a.dueMs === b.dueMs && a.number < b.number;
}
