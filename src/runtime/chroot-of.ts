import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { JOB_FILE } from './chroot-container.js';
import type { ChrootJob } from './chroot-job.js';

/** The root directory of a container's processes, if they are in a chroot; `dir` is the container's. */
export function chrootOf(dir: string): string | undefined {
  try {
    const job = JSON.parse(readFileSync(join(dir, 'bundle', JOB_FILE), 'utf8')) as ChrootJob;
    return job.root;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
