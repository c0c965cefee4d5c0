import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BindMount, Confinement } from '../model/process.js';
import {
  attachMount,
  cloneMount,
  type MountAttributes,
  newMount,
  openInRoot,
} from '../sys/mounts.js';
import { OWN_DEVICES } from './device-nodes.js';

const O_PATH = 0o10000000;
const CLOSED = { nosuid: true, noexec: true, nodev: true };
const LINKS = { fd: '', stdin: '/0', stdout: '/1', stderr: '/2' };

/**
 * What a runtime mounts for every process, where no /proc of its own can be mounted: this container's /proc and /sys with
 * what is masked in them, and a /dev of its own. `dev`, `proc` and `sys` of the root are directories. All of it goes when
 * the root is unmounted.
 */
export function attachSystem(
  root: string,
  binds: readonly BindMount[],
  confinement: Confinement | undefined,
): void {
  const at = openSync(root, O_PATH);
  try {
    put(at, 'proc', () => cloned('/proc', CLOSED, true));
    put(at, 'sys', () => cloned('/sys', { ...CLOSED, readonly: true }, true));
    put(at, 'dev', () => newMount('tmpfs', { mode: '755', size: '65536k' }, { nosuid: true }));
    fillDevices(at, confinement);
    for (const { source, target, readonly } of binds) {
      writeFileSync(join(root, target), '', { flag: 'wx' });
      put(at, target, () => cloned(source, { readonly }, false));
    }
  } finally {
    closeSync(at);
  }
}

/** On a tmpfs that is empty: nothing there leads anywhere. */
function fillDevices(root: number, confinement: Confinement | undefined): void {
  const dev = `/proc/self/fd/${String(root)}/dev`;
  for (const name of Object.keys(OWN_DEVICES)) {
    writeFileSync(`${dev}/${name}`, '');
    put(root, `dev/${name}`, () => cloned(`/dev/${name}`, { nosuid: true, noexec: true }, false));
  }
  for (const [name, end] of Object.entries(LINKS))
    symlinkSync(`/proc/self/fd${end}`, `${dev}/${name}`);
  symlinkSync('pts/ptmx', `${dev}/ptmx`);
  for (const name of ['pts', 'shm']) mkdirSync(`${dev}/${name}`);
  const terminals = { ptmxmode: '0666', mode: '0620' };
  put(root, 'dev/pts', () => newMount('devpts', terminals, { nosuid: true, noexec: true }));
  const size = String(confinement?.shmSize ?? 64 << 20);
  if (size !== '0') put(root, 'dev/shm', () => newMount('tmpfs', { mode: '1777', size }, CLOSED));
}

function cloned(path: string, attributes: MountAttributes, recursive: boolean): number {
  const fd = openSync(path, O_PATH);
  try {
    return cloneMount(fd, attributes, recursive);
  } finally {
    closeSync(fd);
  }
}

function put(root: number, path: string, open: () => number): void {
  const mount = open();
  try {
    const target = openInRoot(root, path);
    try {
      attachMount(mount, target);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(mount);
  }
}
