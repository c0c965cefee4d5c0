import { spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  statfsSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { Identity } from '../model/process.js';
import { openInRoot } from '../sys/mounts.js';
import { privileges } from '../sys/privileges.js';
import { sys } from '../sys/sys.js';
import { SUBORDINATE_IDS } from '../sys/subordinate-ids.js';
import { cannotRun, whyNoNamespaces, whyNoProc } from './blocked.js';
import type { SeccompPlace } from './load-seccomp.js';

export interface RuntimeOptions {
  /** A private directory that goes with the process. */
  readonly temporary: () => Promise<string>;
  /** For what is made once a machine (the compiled seccomp filter). */
  readonly cacheDir: string;
  readonly path: string;
  /** True if this process has a mount namespace of its own (bin/stave made it). */
  readonly privateMounts: boolean;
}

/** What one process finds out once: which runtime, and its policy. */
export interface Prepared {
  readonly kind: 'crun' | 'runc';
  readonly program: string;
  readonly seccomp: SeccompPlace;
  /** On a tmpfs of our own: bundles and the runtime's state. */
  readonly dir: string;
}

/** `wanted`: `crun` or `runc`, else the first that is there. Throws BuildError `runtime` with what is missing. */
export async function prepareRuntime(options: RuntimeOptions, wanted?: string): Promise<Prepared> {
  if (!options.privateMounts) throw cannotRun(whyNoNamespaces());
  if (privileges().userNamespace && !mountsProc()) throw cannotRun(whyNoProc());
  const [kind, program] = findRuntime(options.path, wanted);
  if (kind === 'crun') hideHybridCgroups();
  const dir = join(await options.temporary(), `runtime${wanted ?? ''}`);
  mkdirSync(dir, { mode: 0o700 });
  sys().mountTmpfs(dir, 'mode=0700,size=16m');
  return { kind, program, seccomp: { kind, cacheDir: options.cacheDir, scratch: dir }, dir };
}

/** Asked only in a user namespace: root of the machine can. */
export function mountsProc(): boolean {
  return (mounts ??= tryProc());
}

let mounts: boolean | undefined;

function tryProc(): boolean {
  return spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0;
}

function findRuntime(path: string, wanted: string | undefined): ['crun' | 'runc', string] {
  for (const kind of ['crun', 'runc'] as const) {
    if (wanted !== undefined && wanted !== kind) continue;
    const found = findProgram(kind, path);
    if (found !== undefined) return [kind, found];
  }
  if (wanted !== undefined)
    throw cannot(`Unknown runtime specified ${wanted}`, 'crun and runc are known, if installed');
  throw cannot('neither crun nor runc is installed', 'apt-get install crun');
}

/** Where a program is on `path`. */
export function findProgram(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const CGROUP2_MAGIC = 0x63677270;

/** crun refuses a host with both cgroup versions; in our own mount namespace the second can be hidden. */
function hideHybridCgroups(): void {
  const unified = '/sys/fs/cgroup/unified';
  if (lstatSync(unified, { throwIfNoEntry: false }) === undefined) return;
  if (statfsSync(unified).type !== CGROUP2_MAGIC) return;
  // A user namespace may not take away what it inherited, only cover it.
  if (privileges().userNamespace) sys().mountTmpfs(unified, 'mode=0755,size=4k');
  else sys().umount(unified);
}

/**
 * Mount points of the runtime must be directories: a symlink there lets an image write outside (CVE-2026-41579). runc
 * reads /etc/passwd and /etc/group itself, and would wait for ever for who writes to a pipe.
 */
export function checkRoot(root: string, kind: Prepared['kind']): void {
  if (kind === 'runc') checkAccounts(root);
  for (const name of ['dev', 'proc', 'sys']) {
    const stat = lstatSync(join(root, name), { throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory()) continue;
    throw cannot(
      `/${name} of the image is not a directory`,
      'the image is broken or hostile: it cannot be run',
    );
  }
}

function checkAccounts(root: string): void {
  const fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const name of ['passwd', 'group'])
      if (isOdd(fd, `/etc/${name}`))
        throw cannot(
          `/etc/${name} of the image is not a file, and runc would read it`,
          'the image is broken or hostile; crun does not look there: apt-get install crun',
        );
  } finally {
    closeSync(fd);
  }
}

/** There, links followed inside the root, and neither a file nor a directory. */
function isOdd(root: number, path: string): boolean {
  let fd: number;
  try {
    fd = openInRoot(root, path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return false;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    return !stat.isFile() && !stat.isDirectory();
  } finally {
    closeSync(fd);
  }
}

/** Throws when nobody could be this user: the user namespace has no such id. */
export function checkUser({ uid, gid }: Identity): void {
  const { idCount } = privileges();
  if (uid < idCount && gid < idCount) return;
  const ids = idCount === 1 ? 'none but root' : `those below ${String(idCount)}`;
  throw cannot(
    `user ${String(uid)}:${String(gid)} cannot be had: without more subordinate ids there are ${ids}`,
    SUBORDINATE_IDS,
  );
}

export function cannot(message: string, hint: string): BuildError {
  return new BuildError('runtime', message, { hint });
}
