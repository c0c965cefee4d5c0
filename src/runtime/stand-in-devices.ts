import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { OWN_DEVICES } from './device-nodes.js';
import { sys } from '../sys/sys.js';

const S_IFCHR = 0o020000;

/** What `/dev`, `/proc` and `/sys` of a step in a chroot are: directories of its root, for nothing can be mounted. */
export const HIDDEN = ['dev', 'proc', 'sys'];

/**
 * Empties them, and makes the devices that every container has. Where no node can be made or opened, files stand for
 * some: what is written to `null` is in it, `zero` ends after a tebibyte, `random` after a mebibyte.
 */
export function furnishDevices(root: string): void {
  for (const name of HIDDEN) emptyDirectory(join(root, name));
  const dev = join(root, 'dev');
  for (const [name, numbers] of Object.entries(OWN_DEVICES))
    if (!makesDevice(join(dev, name), numbers)) makeFile(dev, name);
  mkdirSync(join(dev, 'shm'));
  chmodSync(join(dev, 'shm'), 0o1777);
}

/** The step before may have put a link there: it is not followed. */
function emptyDirectory(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() === false) rmSync(path);
  if (stat?.isDirectory() !== true) mkdirSync(path, 0o755);
  for (const name of readdirSync(path, { encoding: 'buffer' }))
    rmSync(Buffer.concat([Buffer.from(`${path}/`), name]), { recursive: true, force: true });
}

function makesDevice(path: string, [major, minor]: readonly [number, number]): boolean {
  try {
    sys().mknod(path, S_IFCHR | 0o666, major, minor);
    chmodSync(path, 0o666);
    // There, and on a `nodev` filesystem only a name. A terminal that there is not cannot be opened either.
    if (path.endsWith('/tty')) return true;
    closeSync(openSync(path, 'r'));
    return true;
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'EACCES', 'ENXIO')) throw error;
    rmSync(path, { force: true });
    return false;
  }
}

function makeFile(dev: string, name: string): void {
  const path = join(dev, name);
  if (name === 'full' || name === 'tty') return;
  if (name === 'urandom' && existsSync(join(dev, 'random'))) {
    symlinkSync('random', path);
    return;
  }
  writeFileSync(path, name === 'random' ? randomBytes(1 << 20) : '');
  if (name === 'zero') truncateSync(path, 2 ** 40);
  chmodSync(path, 0o666);
}
