import { closeSync, fstatSync, mkdirSync, openSync, readlinkSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { openInRoot } from '../sys/mounts.js';

const O_PATH = 0o10000000;
const O_DIRECTORY = 0o200000;

/** Kernel filesystems of the container: a mount there could undo what hides the host (CVE-2025-52881 and its kin). */
const KERNEL = /^(proc|sys|dev)(\/|$)/;

/** Throws unless a resolved path (latin1, from the root) may be mounted on. */
export function checkTarget(path: string, written: string): void {
  if (path === '') {
    throw new BuildError('syntax', `invalid mount target "${written}": it is the root`, {
      hint: 'mount below the root, for example target=/mnt',
    });
  }
  if (!KERNEL.test(path)) return;
  const leads = `/${path}` === written ? '' : ` (it leads to /${path})`;
  throw new BuildError(
    'syntax',
    `mount target ${written}${leads} under /proc, /sys or /dev is not allowed`,
    { hint: 'mount it elsewhere, for example on /mnt' },
  );
}

/** The mounted root of a step, by descriptor. */
export class MountRoot implements Disposable {
  readonly #fd: number;
  readonly #path: string;

  constructor(root: string) {
    this.#fd = openSync(root, O_PATH | O_DIRECTORY);
    this.#path = readlinkSync(`/proc/self/fd/${String(this.#fd)}`);
  }

  /**
   * Descriptor of a target, resolved by the kernel inside the root. What is missing (inside a mount made before) is made.
   * Whatever another step does to a shared cache meanwhile, it is below the root and no kernel filesystem.
   */
  open(target: string, kind: 'file' | 'directory'): number {
    const fd = this.#openOrMake(target, kind);
    try {
      const place = readlinkSync(`/proc/self/fd/${String(fd)}`, { encoding: 'latin1' });
      const prefix = `${Buffer.from(this.#path).toString('latin1')}/`;
      checkTarget(place.startsWith(prefix) ? place.slice(prefix.length) : '', target);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** As `open`, of a directory that is there; undefined when there is none. */
  find(target: string): number | undefined {
    let fd: number;
    try {
      fd = openInRoot(this.#fd, target);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
      throw error;
    }
    if (fstatSync(fd).isDirectory()) return fd;
    closeSync(fd);
    return undefined;
  }

  #openOrMake(target: string, kind: 'file' | 'directory'): number {
    try {
      return openInRoot(this.#fd, target);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw unusable(error, target);
    }
    const parts = target.split('/').filter((part) => part !== '');
    try {
      for (let count = 1; count <= parts.length; count++)
        this.#make(parts.slice(0, count), count === parts.length ? kind : 'directory');
      return openInRoot(this.#fd, target);
    } catch (error) {
      throw unusable(error, target);
    }
  }

  #make(parts: readonly string[], kind: 'file' | 'directory'): void {
    const parent = openInRoot(this.#fd, `/${parts.slice(0, -1).join('/')}`);
    const path = `/proc/self/fd/${String(parent)}/${parts.at(-1) ?? ''}`;
    try {
      // O_EXCL follows no link at the end.
      if (kind === 'directory') mkdirSync(path, 0o755);
      else closeSync(openSync(path, 'wx', 0o644));
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    } finally {
      closeSync(parent);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

const WHY: Readonly<Record<string, string>> = {
  EROFS: 'it is in a read-only mount, and not there',
  ENOENT: 'a link on its way leads nowhere',
  ENOTDIR: 'a file is in its way',
  ELOOP: 'too many links',
};

function unusable(error: unknown, target: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = WHY[code];
  if (why === undefined) return error;
  return new BuildError('syntax', `mount target ${target} cannot be used: ${why}`);
}
