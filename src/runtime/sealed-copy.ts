import { closeSync, readFileSync, writeFileSync } from 'node:fs';
import { sys } from '../sys/sys.js';

/** A program as it is executed: by its path, or by a descriptor of a copy. */
export interface Program {
  readonly path: string;
  readonly fd?: number;
}

/**
 * A copy in memory that nobody can write to. An OCI runtime copies itself so, and executes itself anew, each time it
 * starts, lest a container reaches its file (CVE-2019-5736); one that is such a copy already need not. Its path where
 * the machine forbids programs in memory (vm.memfd_noexec): then the runtime sees to it.
 */
export function sealedCopy(path: string): Program {
  const fd = sys().createMemfd('runtime');
  if (fd === undefined) return { path };
  try {
    writeFileSync(fd, readFileSync(path));
    sys().sealMemfd(fd);
    return { path, fd };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
