import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { blobLock } from './blob-lock.js';
import { isLocked, lockIfFree } from './lock-file.js';
import { namesIn } from './names-in.js';

/** Part of a blob, of a download that was cut off or still goes on. */
export interface PartialBlob {
  /** sha256 hex of what is to be the whole. */
  readonly hex: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly used: number;
  readonly inUse: boolean;
}

export interface PartialPlaces {
  readonly partial: string;
  readonly locks: string;
}

export function partialBlobs({ partial, locks }: PartialPlaces): readonly PartialBlob[] {
  return namesIn(partial).flatMap((hex) => {
    const stat = lstatSync(join(partial, hex), { throwIfNoEntry: false });
    if (stat === undefined) return [];
    const inUse = isLocked(blobLock(locks, hex)) || isLocked(join(partial, hex));
    return [{ hex, bytes: stat.size, used: stat.mtimeMs, inUse }];
  });
}

/** False when somebody is at it. */
export function removePartial({ partial, locks }: PartialPlaces, hex: string): boolean {
  using lock = lockIfFree(blobLock(locks, hex));
  // Whose lock file was removed still has the part.
  if (lock === undefined || isLocked(join(partial, hex))) return false;
  rmSync(join(partial, hex), { recursive: true, force: true });
  return true;
}
