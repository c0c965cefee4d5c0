import { readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';

const ATTEMPTS = 100;

/**
 * Removes a container's cgroup (`/stave/<id>`) from every hierarchy. What is still in it was left behind by a first
 * process that shared its PID namespace: it is killed, as docker does.
 */
export function removeCgroup(path: string, root = '/sys/fs/cgroup'): void {
  for (const hierarchy of [root, ...hierarchies(root)]) {
    const group = join(hierarchy, path);
    for (let attempt = 0; attempt < ATTEMPTS && !isRemoved(group); attempt++) killAll(group);
  }
}

function hierarchies(root: string): string[] {
  try {
    return readdirSync(root)
      .map((name) => join(root, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}

/** True also where it cannot be removed for another reason than that somebody is in it. */
function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return !hasCode(error, 'EBUSY');
  }
}

function killAll(group: string): void {
  for (const pid of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n')) {
    try {
      if (pid !== '') process.kill(Number(pid), 'SIGKILL');
    } catch (error) {
      if (!hasCode(error, 'ESRCH')) throw error;
    }
  }
}
