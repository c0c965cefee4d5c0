import { dirname } from 'node:path';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { whyNoNamespaces } from '../runtime/blocked.js';
import type { OverlayOptions } from '../sys/mount-overlay.js';
import { isOnOverlay, overlayProblem } from '../sys/overlay-problem.js';
import { privileges } from '../sys/privileges.js';
import { sys } from '../sys/sys.js';

/** Mounts a container's root. A container's writable layer is an overlay's: no copy can stand for it, as for a step's. */
export function mountContainer(options: OverlayOptions): void {
  const home = dirname(options.target);
  try {
    if (!isOnOverlay(home)) {
      sys().mountOverlay(options);
      return;
    }
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'EACCES', 'ENODEV', 'ENOSYS', 'EINVAL')) throw error;
    if (overlayProblem(home) === undefined) throw error;
  }
  if (!privileges().admin) {
    const { what, remedy } = whyNoNamespaces();
    throw new BuildError('runtime', `containers need namespaces: ${what}`, { hint: remedy });
  }
  throw new BuildError(
    'runtime',
    `containers need overlayfs, which cannot be mounted here: ${overlayProblem(home) ?? ''}`,
    { hint: 'set STAVE_ROOT to a directory on ext4, xfs or btrfs (stave doctor shows all)' },
  );
}
