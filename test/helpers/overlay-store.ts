import { chownSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mountOverlay } from '../../src/sys/mount-overlay.js';
import { sys } from '../../src/sys/sys.js';
import { type StaveWorld, staveWorld } from './stave.js';

/**
 * Mounts an overlay on the directory `target`, in the mount namespace of the tests: the kernel takes none as the upper
 * directory of another, so whoever has a store there can mount none.
 */
export function overlayOn(target: string, uid = 0): Disposable {
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => `${target}-${name}`);
  if (lower === undefined || upper === undefined || work === undefined) throw new Error('no paths');
  for (const made of [lower, upper, work, target]) mkdirSync(made, { recursive: true });
  chownSync(upper, uid, uid);
  mountOverlay({ lowers: [lower], upper, work, target });
  return {
    [Symbol.dispose]: () => {
      sys().umount(target);
    },
  };
}

/** A world whose store is in a directory of its own, for something to be mounted there. */
export function storeApart(): StaveWorld {
  const world = staveWorld();
  const root = join(world.dir, 'apart/store');
  world.env['STAVE_ROOT'] = root;
  return { ...world, root };
}

/** A world whose store is on overlayfs. */
export function overlaidWorld(): StaveWorld {
  const world = storeApart();
  const overlay = overlayOn(dirname(world.root));
  return {
    ...world,
    [Symbol.dispose]: () => {
      overlay[Symbol.dispose]();
      world[Symbol.dispose]();
    },
  };
}
