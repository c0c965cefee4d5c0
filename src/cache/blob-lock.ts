import { join } from 'node:path';

/** Who downloads a blob holds it, and only they write its part. */
export function blobLock(locks: string, hex: string): string {
  return join(locks, `blob-${hex}`);
}
