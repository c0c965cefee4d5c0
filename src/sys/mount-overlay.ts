import { closeSync } from 'node:fs';
import { cstring, libc } from './libc.js';
import { privileges } from './privileges.js';

export interface OverlayOptions {
  /** Top layer first; 1 to 499 directories. */
  readonly lowers: readonly string[];
  /** Absent: read-only (needs two lowers). */
  readonly upper?: string;
  readonly work?: string;
  readonly target: string;
  /** Device nodes in it can be opened; else they are only names. */
  readonly devices?: boolean;
}

const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const CLOEXEC = 1;
/** An image may hold any device node and a step may make one: without this it could open the host's disk. */
const NODEV = 4;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const AT_FDCWD = -100;

/**
 * Mounts an overlay by the new mount API: mount(2) cuts its options at 4096 bytes, `lowerdir+` (Linux 6.5) takes each
 * layer by itself. Writable ones are `volatile`: nothing in them is worth an fsync before it is committed.
 */
export function mountOverlay(options: OverlayOptions): void {
  const c = libc();
  const context = c.syscall('fsopen', cstring('overlay'), CLOEXEC);
  if (context < 0) c.fail('fsopen', 'overlay');
  try {
    configure(context, options);
    const mount = c.syscall('fsmount', context, CLOEXEC, options.devices === true ? 0 : NODEV);
    if (mount < 0) c.fail('fsmount', options.target);
    try {
      const [empty, target] = [cstring(''), cstring(options.target)];
      const moved = c.syscall(
        'move_mount',
        mount,
        empty,
        AT_FDCWD,
        target,
        MOVE_MOUNT_F_EMPTY_PATH,
      );
      if (moved < 0) c.fail('move_mount', options.target);
    } finally {
      closeSync(mount);
    }
  } finally {
    closeSync(context);
  }
}

function configure(context: number, options: OverlayOptions): void {
  const c = libc();
  const set = (key: string, value: string): void => {
    const done = c.syscall(
      'fsconfig',
      context,
      FSCONFIG_SET_STRING,
      cstring(key),
      cstring(value),
      0,
    );
    if (done < 0) c.fail(`fsconfig ${key}`, value);
  };
  const setFlag = (flag: string): void => {
    const done = c.syscall('fsconfig', context, FSCONFIG_SET_FLAG, cstring(flag), null, 0);
    if (done < 0) c.fail(`fsconfig ${flag}`, options.target);
  };
  // Two layers that are one tree (two steps that changed nothing): the upper one hides all of the lower; ELOOP else.
  for (const lower of new Set(options.lowers)) set('lowerdir+', lower);
  if (options.upper !== undefined) set('upperdir', options.upper);
  if (options.work !== undefined) {
    set('workdir', options.work);
    setFlag('volatile');
    // Some kernels move a directory by a note in it and copy a file without its data, unless told not to: the upper layer
    // alone must be all that was written. In a user namespace they never do, and the option is refused.
    if (!privileges().userNamespace) set('redirect_dir', 'nofollow');
  }
  if (privileges().userNamespace) setFlag('userxattr');
  if (c.syscall('fsconfig', context, FSCONFIG_CMD_CREATE, null, null, 0) < 0) {
    c.fail('fsconfig create', options.target);
  }
}
