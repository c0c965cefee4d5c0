import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';

/** How a container was made: what speaks to it later must do so in the same way. */
export interface MadeBy {
  readonly kind: 'crun' | 'runc' | 'chroot';
  readonly cgroup: boolean;
  /** Where it was made without a cgroup and given one later: its path, of which the runtime does not know. */
  readonly adopted?: string;
}

/** `dir` is the container's. */
export function madeBy(dir: string): Partial<MadeBy> {
  try {
    return JSON.parse(readFileSync(join(dir, 'bundle/made-by.json'), 'utf8')) as MadeBy; // Written below.
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return {}; // By a stave that had one way only.
    throw error;
  }
}

/** Whole, whoever is killed: a reader finds the one of before or this one. The bundle is made anew at each start. */
export function noteMadeBy(dir: string, made: Partial<MadeBy>): void {
  const file = join(dir, 'bundle/made-by.json');
  writeFileSync(`${file}.tmp`, JSON.stringify(made), { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

export function markAdopted(dir: string, path: string): void {
  noteMadeBy(dir, { ...madeBy(dir), adopted: path });
}
