import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  type Dirent,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';

/**
 * The kernel takes paths of 4096 bytes, and a tree made by relative steps can be deeper; long before that each call
 * walks the whole path. What lies deeper than this is moved up first, so that time grows with the depth, not its square.
 */
const DEEP = 512;

/**
 * Removes a directory nobody uses any more. Mounts below it are taken off first, so that what is mounted there stays;
 * names are bytes; directories without permissions are opened. Deep parts are moved beside `path` and removed there.
 * False when `expired` said so, or when something resisted: what is left is left whole for the next time.
 */
export function removeTree(path: string, expired: () => boolean): boolean {
  try {
    for (const mount of mountsBelow(path)) sys().umount(mount);
    const deep = [path];
    for (let part = deep.pop(); part !== undefined; part = deep.pop()) {
      const long = Buffer.byteLength(part) + DEEP;
      const whole = removeDirectory(Buffer.from(part), {
        beside: dirname(path),
        expired,
        long,
        deep,
      });
      if (!whole) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}

interface Removal {
  readonly beside: string;
  readonly expired: () => boolean;
  /** From this length on a directory is moved. */
  readonly long: number;
  /** Where the moved ones are. */
  readonly deep: string[];
}

function removeDirectory(path: Buffer, removal: Removal): boolean {
  for (const entry of entriesOf(path)) {
    if (removal.expired()) return false;
    const child = Buffer.concat([path, SLASH, entry.name]);
    if (!entry.isDirectory())
      ignoreMissing(() => {
        unlinkSync(child);
      });
    else if (child.length > removal.long) {
      const aside = join(removal.beside, randomBytes(10).toString('hex'));
      renameSync(child, aside);
      removal.deep.push(aside);
    } else if (!removeDirectory(child, removal)) return false;
  }
  ignoreMissing(() => {
    rmdirSync(path);
  });
  return true;
}

const SLASH = Buffer.from('/');

function entriesOf(path: Buffer): Dirent<Buffer>[] {
  const read = (): Dirent<Buffer>[] =>
    readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  try {
    return read();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    if (hasCode(error, 'ENOTDIR')) {
      rmSync(path, { force: true });
      return [];
    }
    if (!hasCode(error, 'EACCES')) throw error;
    chmodSync(path, 0o700);
    return read();
  }
}

/** Two sweepers may be at the same tree. */
function ignoreMissing(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** Mount points strictly below a path, innermost first (proc(5), mountinfo: the fifth field, octal escapes). */
function mountsBelow(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((mount) => mount.startsWith(`${path}/`))
    .reverse();
}

function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(parseInt(octal, 8)),
  );
}
