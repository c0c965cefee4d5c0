import { mkdtempSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { mountOverlay } from './mount-overlay.js';
import { sys } from './sys.js';

const OVERLAYFS_MAGIC = 0x794c7630;

/** Why there can be no writable overlay in `directory`; undefined when there can. */
export function overlayProblem(directory: string): string | undefined {
  return isOnOverlay(directory) ? 'the store is on overlayfs' : refusalOf(directory);
}

/** Overlays take no overlay as their upper directory, and nobody can make a whiteout there. */
export function isOnOverlay(directory: string): boolean {
  return statfsSync(directory).type === OVERLAYFS_MAGIC;
}

function refusalOf(directory: string): string | undefined {
  const home = mkdtempSync(join(directory, 'overlay-'));
  const path = (name: string): string => join(home, name);
  const [upper, work, target] = [path('upper'), path('work'), path('root')];
  for (const made of [path('lower'), upper, work, target]) mkdirSync(made);
  try {
    mountOverlay({ lowers: [path('lower')], upper, work, target });
    sys().umount(target);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'syscall' in error)) throw error;
    return `${String(error.syscall)}: ${String(error.code)}`;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
