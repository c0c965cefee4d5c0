import { closeSync, openSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';

export interface SweepDirectories {
  readonly leases: string;
  readonly tmp: string;
  readonly trash: string;
}

/**
 * Removes what dead processes left: each lease whose lock can be taken belongs to none. Costs three readdirs when
 * there is nothing. What it cannot remove now it leaves for the next time.
 */
export function sweep({ leases, tmp, trash }: SweepDirectories): void {
  const held = new Set<string>();
  for (const id of namesIn(leases)) {
    if (!sweepLease(join(leases, id), join(tmp, id), join(trash, id))) held.add(id);
  }
  // A directory without a lease file: its process died between the two removals of an orderly end.
  for (const id of namesIn(tmp)) {
    if (!held.has(id) && !namesIn(leases).includes(id)) discard(join(tmp, id), join(trash, id));
  }
  for (const id of namesIn(trash)) rmSync(join(trash, id), { recursive: true, force: true });
}

function sweepLease(file: string, directory: string, trash: string): boolean {
  let fd: number;
  try {
    fd = openSync(file, 'r+');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    throw error;
  }
  try {
    if (!sys().flock(fd, 'exclusive', false)) return false;
    discard(directory, trash);
    unlinkSync(file);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true; // Another sweeper was faster.
    throw error;
  } finally {
    closeSync(fd);
  }
}

function discard(directory: string, trash: string): void {
  try {
    renameSync(directory, trash);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

function namesIn(directory: string): string[] {
  return readdirSync(directory);
}
