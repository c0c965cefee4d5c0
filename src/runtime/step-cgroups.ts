import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import type { StepProcess } from '../model/process.js';
import { privileges } from '../sys/privileges.js';
import { cgroupPath, needsCgroup } from './oci-cgroup.js';
import type { Prepared } from './prepare.js';
import { removeCgroup } from './remove-cgroup.js';

const NOTE = 'cgroup-';

/**
 * A file beside the runtime's own directory (which is mounted, and gone with this process) that says where a step's cgroup
 * is, for as long as it may be there: who kills us kills the runtime too, which would have removed it. runc makes one for
 * each step.
 */
export function noteStepCgroup(
  id: string,
  spec: StepProcess,
  { dir, kind }: Pick<Prepared, 'dir' | 'kind'>,
): Disposable {
  const file = join(dirname(dir), `${NOTE}${id}`);
  const isMade = !privileges().userNamespace && (kind === 'runc' || needsCgroup(spec));
  if (isMade) writeFileSync(file, cgroupPath(id, spec.confinement?.cgroupParent));
  return {
    [Symbol.dispose]: () => {
      if (isMade) rmSync(file, { force: true });
    },
  };
}

/** Removes the cgroups of steps whose process was killed; `dir` is the directory it left. */
export function removeStepCgroups(dir: string): void {
  for (const name of notesIn(dir)) {
    const path = readFileSync(join(dir, name), 'utf8');
    // Empty, it was not yet written, and there is no cgroup: above it are those of everybody.
    if (path.endsWith(`/${name.slice(NOTE.length)}`)) removeCgroup(path);
  }
}

function notesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => name.startsWith(NOTE));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
