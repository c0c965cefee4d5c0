import type { Scope } from '../model/scope.js';
import type { Layer } from '../model/stores.js';

/** As many as docker downloads at once. */
const PARALLEL = 3;

/** Makes every layer present: downloads and unpacks a few side by side. The first failure is thrown when all ended. */
export async function ensureLayers(layers: readonly Layer[], scope: Scope): Promise<void> {
  const waiting = [...layers];
  const work = async (): Promise<void> => {
    try {
      for (let layer = waiting.shift(); layer !== undefined; layer = waiting.shift())
        await layer.ensure(scope);
    } finally {
      waiting.length = 0;
    }
  };
  const ended = await Promise.allSettled(
    Array.from({ length: Math.min(PARALLEL, layers.length) }, work),
  );
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}
