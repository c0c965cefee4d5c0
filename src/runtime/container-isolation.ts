import { BuildError } from '../model/error.js';
import { privileges } from '../sys/privileges.js';
import { whyNoNamespaces } from './blocked.js';
import { chrootProblem } from './chroot-problem.js';
import { mountsProc } from './prepare.js';

/**
 * How containers are kept apart here. `mounts`: in a chroot, too, among mounts, for no /proc of its own can be mounted.
 * Throws BuildError `runtime` where they cannot be.
 */
export function containerIsolation(): 'namespaces' | 'mounts' | 'chroot' {
  const { admin, userNamespace } = privileges();
  if (admin) return userNamespace && !mountsProc() ? 'mounts' : 'namespaces';
  if (chrootProblem() === undefined) return 'chroot';
  const { what, remedy } = whyNoNamespaces();
  throw new BuildError('runtime', `containers need namespaces: ${what}`, { hint: remedy });
}
