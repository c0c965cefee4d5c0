import { statSync, utimesSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { lockFile } from './lock-file.js';

/** One process' turn at what each would do alike. */
export interface Turn extends AsyncDisposable {
  /** False for who did not wait for one that is stalled: it may go on at any time. */
  readonly alone: boolean;
  /** Tells those who wait that it goes on. */
  readonly progress: () => void;
}

/** Who holds a turn and does nothing for so long is stopped, or waits for a dead server. */
const STALLED_MS = 30_000;
const LOOK_MS = 1000;

/**
 * Waits for the turn that has `path` (a file in locks/), for as long as its holder lives and gets on; then goes on without
 * one. Who got it looks first whether the work is done.
 */
export async function takeTurn(path: string, signal: AbortSignal): Promise<Turn> {
  const stalled = new AbortController();
  const watch = watchProgress(path, () => {
    stalled.abort(new Error(`${path} is stalled`));
  });
  try {
    const both = AbortSignal.any([signal, stalled.signal]);
    const lock = await lockFile(path, both, () => undefined);
    return { ...lock, alone: true, progress: touching(path) };
  } catch (error) {
    if (!stalled.signal.aborted || signal.aborted) throw error;
    return {
      alone: false,
      progress: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  } finally {
    clearInterval(watch);
  }
}

function watchProgress(path: string, onStalled: () => void): NodeJS.Timeout {
  let [last, since] = [-1, performance.now()];
  return setInterval(() => {
    const mtime = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (mtime !== last) [last, since] = [mtime, performance.now()];
    else if (performance.now() - since > STALLED_MS) onStalled();
  }, LOOK_MS);
}

/** At most once in a while. */
function touching(path: string): () => void {
  let last = performance.now();
  return () => {
    if (performance.now() - last < LOOK_MS) return;
    last = performance.now();
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error; // Somebody removed it: nobody can wait for it.
    }
  };
}
