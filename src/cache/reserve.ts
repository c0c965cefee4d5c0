import { closeSync, openSync, statfsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { makeDeep } from '../sys/make-deep.js';
import { namesIn } from './names-in.js';

/** As many files and directories as a removal makes, and some more: locks, a lease, a place for what is taken aside. */
const COUNT = 16;

/** Makes the store's reserve: empty files that can be given up. As many as there is room for. */
export function fillReserve(root: string): void {
  const directory = join(root, 'reserve');
  if (namesIn(directory).length >= COUNT) return;
  unlessRefused(() => {
    makeDeep(directory, 0o700);
    for (let i = 0; i < COUNT; i++) closeSync(openSync(join(directory, String(i)), 'a', 0o600));
  });
}

/**
 * For who removes things: where the filesystem has no room for more files, the reserve makes some. It is made anew at the
 * end, of what was freed.
 */
export function spendReserve(root: string): Disposable {
  unlessRefused(() => {
    // A filesystem that has no number of them says 0 of 0.
    const { files, ffree } = statfsSync(root);
    if (files === 0 || ffree >= COUNT) return;
    for (const name of namesIn(join(root, 'reserve'))) unlinkSync(join(root, 'reserve', name));
  });
  return {
    [Symbol.dispose]: () => {
      fillReserve(root);
    },
  };
}

/** What cannot be done here is told by the removal itself. */
function unlessRefused(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
