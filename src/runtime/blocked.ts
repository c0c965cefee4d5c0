import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { BuildError } from '../model/error.js';

/** What keeps a process from running in namespaces of its own, and what to do about it. */
export interface Blocked {
  /** The call that fails, and why. */
  readonly what: string;
  readonly remedy: string;
}

/** How an unprivileged container is started in which RUN works (docker's words; podman's systempaths is unmask=ALL). */
export const UNCONFINED =
  'start the container with --privileged, or as an ordinary user with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined';

/** Why neither a mount namespace nor a user namespace can be had here. */
export function whyNoNamespaces(read: (path: string) => string = contentOf): Blocked {
  if (read('/proc/sys/user/max_user_namespaces') === '0') {
    return {
      what: 'unshare(CLONE_NEWUSER) is refused: user.max_user_namespaces is 0',
      remedy: 'sudo sysctl user.max_user_namespaces=28633',
    };
  }
  if (read('/proc/sys/kernel/unprivileged_userns_clone') === '0') {
    return {
      what: 'unshare(CLONE_NEWUSER) is refused: kernel.unprivileged_userns_clone is 0',
      remedy: 'sudo sysctl kernel.unprivileged_userns_clone=1',
    };
  }
  if (isFiltered(read) && !makesUserNamespace()) {
    return {
      what: 'unshare(2) is refused by the seccomp profile of this container',
      remedy: UNCONFINED,
    };
  }
  if (read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return {
      what: 'unshare(CLONE_NEWUSER) is refused by AppArmor: kernel.apparmor_restrict_unprivileged_userns is 1',
      remedy: 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0',
    };
  }
  return {
    what: 'unshare(CLONE_NEWNS) needs CAP_SYS_ADMIN, which this process does not have',
    remedy:
      'run as root, as an ordinary user of the machine, or in a container started with --privileged',
  };
}

/** For root of a container the two kinds differ: a user namespace may be allowed, a mount namespace not. */
function makesUserNamespace(): boolean {
  return spawnSync('unshare', ['--user', 'true']).status === 0;
}

/** A PID namespace without a /proc of its own would show the wrong processes. */
export function whyNoProc(): Blocked {
  return {
    what: 'mount(2) of /proc is refused: parts of /proc are masked in this container',
    remedy: UNCONFINED,
  };
}

/** The refusal of a RUN: which call, and the fix. */
export function cannotRun({ what, remedy }: Blocked): BuildError {
  return new BuildError('runtime', `RUN cannot work here: ${what}`, {
    hint: `${remedy}; Dockerfiles without RUN need no privilege (stave doctor shows all)`,
  });
}

function isFiltered(read: (path: string) => string): boolean {
  return /^Seccomp:\s*2$/m.test(read('/proc/self/status'));
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // Not every kernel has it.
  }
}
