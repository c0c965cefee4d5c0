import { join } from 'node:path';
import { diffIDOf } from './diff-id-of.js';
import { replaceFile } from './durable.js';
import { namesIn } from './names-in.js';
import { readIfThere } from './read-if-there.js';
import type { Store } from './store.js';

/**
 * These trees were taken to `aside`. Where a layer's digest led to one of them and another tree is the same layer (a step that
 * was run again with the same result), it leads to that: images find their layers by it.
 */
export function leadAgain(store: Store, aside: string, trees: readonly string[]): void {
  const lost = new Set(
    trees.flatMap((id) => {
      const diffID = diffIDOf(join(aside, id, 'meta.json'));
      return diffID !== undefined && readIfThere(store.path('trees/by-diff', diffID)) === id
        ? [diffID]
        : [];
    }),
  );
  if (lost.size === 0) return;
  for (const id of namesIn(store.path('trees'))) {
    const diffID = diffIDOf(store.path('trees', id, 'meta.json')) ?? '';
    if (!lost.delete(diffID)) continue;
    replaceFile(store.path('trees/by-diff', diffID), id, store.path('tmp'));
  }
}
