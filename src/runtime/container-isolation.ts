import { BuildError } from '../model/error.js';
import { privileges } from '../sys/privileges.js';
import { whyNoNamespaces } from './blocked.js';
import { chrootProblem } from './chroot-problem.js';

/** How containers are kept apart here. Throws BuildError `runtime` where they cannot be. */
export function containerIsolation(): 'namespaces' | 'chroot' {
  if (privileges().admin) return 'namespaces';
  if (chrootProblem() === undefined) return 'chroot';
  const { what, remedy } = whyNoNamespaces();
  throw new BuildError('runtime', `containers need namespaces: ${what}`, { hint: remedy });
}
