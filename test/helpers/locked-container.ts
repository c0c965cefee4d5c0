import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { seccompProfile } from '../../src/runtime/seccomp-profile.js';
import { ORDINARY_UID } from './ordinary-user.js';
import type { Outcome } from './stave.js';

export interface LockedOptions {
  readonly user: 'root' | 'ordinary';
  /** Docker's profile, which refuses unshare(2); podman's own lets a user namespace be made. */
  readonly seccomp: 'docker' | 'podman';
  /** Podman's own; docker's, which make device nodes too. */
  readonly capabilities: 'default' | 'docker' | 'none';
}

/**
 * Runs stave in a podman container without privileges, on this machine's /usr. `dir` is `/world` in there, where the
 * store is, without what is mounted in it (a /proc of the container's root would be one that is not masked); it is
 * anybody's. `sh` as the first argument is a shell instead.
 */
export function lockedContainer(
  dir: string,
  options: LockedOptions,
): (...args: string[]) => Outcome {
  const rootfs = join(dir, 'rootfs');
  makeRootfs(rootfs);
  chmodSync(dir, 0o777);
  const profile = join(dir, 'seccomp.json');
  writeFileSync(profile, JSON.stringify(seccompProfile(process.arch)));
  const id = String(options.user === 'root' ? 0 : ORDINARY_UID);
  const name = [options.user, options.seccomp, options.capabilities].join('-');
  const env = { ...process.env, CONTAINERS_CONF: podmanOfItsOwn(dir) };
  const podman = ['--root', join(dir, 'podman'), '--runroot', join(dir, 'pr')]
    .concat(['--runtime', 'runc', '--cgroup-manager', 'cgroupfs', 'run', '--rm', '--network=host'])
    .concat(['--ulimit=nofile=1024:1024', '--ulimit=nproc=8192:8192', `--user=${id}:${id}`])
    .concat(options.seccomp === 'docker' ? [`--security-opt=seccomp=${profile}`] : [])
    .concat(options.capabilities === 'none' ? ['--cap-drop=ALL'] : [])
    .concat(options.capabilities === 'docker' ? ['--cap-add=MKNOD,NET_RAW,AUDIT_WRITE'] : [])
    .concat(['-v', `${dirname(process.execPath)}:/node:ro`, '-e', 'PATH=/node:/usr/sbin:/usr/bin'])
    .concat([
      '-v',
      '/usr:/usr:ro',
      '-v',
      `${process.cwd()}:/checkout:ro`,
      '-v',
      `${dir}:/world:bind`,
    ])
    .concat(['-e', `STAVE_ROOT=/world/store-${name}`, '-e', `HOME=/world/home-${name}`])
    .concat(['-e', 'SOURCE_DATE_EPOCH', '--rootfs', rootfs]);
  return (...args) => {
    const argv = [...podman, ...(args[0] === 'sh' ? [] : ['/checkout/bin/stave']), ...args];
    const { status, stdout, stderr } = spawnSync('podman', argv, { env, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
}

/**
 * All podmans of a user share their locks and a directory in /run, whatever their --root is: the first one after a boot
 * frees the locks of those that another test has just started.
 */
function podmanOfItsOwn(dir: string): string {
  const file = join(dir, 'containers.conf');
  const tmp = JSON.stringify(join(dir, 'podman-tmp'));
  writeFileSync(file, `[engine]\nlock_type = "file"\ntmp_dir = ${tmp}\nevents_logger = "none"\n`);
  return file;
}

function makeRootfs(rootfs: string): void {
  mkdirSync(rootfs);
  for (const name of ['usr', 'etc', 'proc', 'sys', 'dev', 'tmp', 'run', 'checkout', 'world'])
    mkdirSync(join(rootfs, name));
  for (const name of ['bin', 'sbin', 'lib', 'lib64'])
    symlinkSync(`usr/${name}`, join(rootfs, name));
  for (const name of ['passwd', 'group']) copyFileSync(`/etc/${name}`, join(rootfs, 'etc', name));
}
