import { setImmediate } from 'node:timers/promises';

/** Longest time in milliseconds that nobody else gets a turn. */
const TURN = 20;

/** Runs work that yields now and then to its end; others get their turn between, and it can be stopped. */
export async function takeTurns<T>(work: Generator<void, T>, signal: AbortSignal): Promise<T> {
  let since = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (performance.now() - since < TURN) continue;
    await setImmediate();
    signal.throwIfAborted();
    since = performance.now();
  }
}
