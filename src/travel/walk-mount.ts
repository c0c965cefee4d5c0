import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { deviceNumbers } from '../sys/device-number.js';
import { type Inode, imageXattrs, inodeOf } from '../cache/inode-record.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { BuildError } from '../model/error.js';
import type { TravelEntry } from './mount-index.js';

/** An entry and, of a regular file, where its bytes are. */
export interface FoundEntry {
  readonly entry: TravelEntry;
  readonly file?: Buffer;
}

const PATH_MAX = 4096;

/**
 * All of a cache mount: the directory itself first, parents before what is in them, siblings in byte order, hard links
 * after their first name. Sockets are left out: nobody listens to a copy of one.
 */
export function* walkMount(root: string): Generator<FoundEntry> {
  const links = new Map<bigint, string>();
  const stat = lstatSync(root, { bigint: true });
  yield { entry: describe('', Buffer.from(root), stat) };
  yield* walk({ root, links }, '');
}

interface Walk {
  readonly root: string;
  /** First path of each multiply linked inode. */
  readonly links: Map<bigint, string>;
}

function* walk(state: Walk, directory: string): Generator<FoundEntry> {
  for (const name of namesIn(state.root, directory)) {
    const path = directory === '' ? name : `${directory}/${name}`;
    const full = bytesUnder(state.root, path);
    const stat = lstatSync(full, { bigint: true });
    if (stat.isSocket()) continue;
    const first = stat.nlink > 1n && !stat.isDirectory() ? state.links.get(stat.ino) : undefined;
    if (first !== undefined) {
      yield { entry: { ...plain(path, stat, inodeOf(full, stat)), type: 'link', link: first } };
      continue;
    }
    if (stat.nlink > 1n && !stat.isDirectory()) state.links.set(stat.ino, path);
    const entry = describe(path, full, stat);
    yield entry.type === 'file' ? { entry, file: full } : { entry };
    if (stat.isDirectory()) yield* walk(state, path);
  }
}

function namesIn(root: string, directory: string): string[] {
  const full = bytesUnder(root, directory);
  // A name has 255 bytes at most: what can be listed can then be looked at.
  if (full.length + 256 < PATH_MAX) return readdirSync(full, { encoding: 'latin1' }).sort();
  throw new BuildError('unsupported', `a directory of the cache mount is too deep to travel`, {
    hint: 'the system takes paths of 4096 bytes; make fewer directories in each other',
  });
}

function plain(path: string, stat: BigIntStats, { mode, uid, gid }: Inode) {
  return { path, mode, uid, gid, mtime: String(stat.mtimeNs) };
}

function describe(path: string, full: Buffer, stat: BigIntStats): TravelEntry {
  const inode = inodeOf(full, stat);
  const type = inode.device === undefined ? typeOf(stat) : DEVICES[inode.device.kind];
  const { major, minor } = deviceNumbers(inode.device?.rdev ?? Number(stat.rdev));
  const xattrs = imageXattrs(full);
  return {
    ...plain(path, stat, inode),
    type,
    ...(type === 'symlink' ? { link: readlinkSync(full, { encoding: 'latin1' }) } : {}),
    ...(type.endsWith('-device') ? { device: [major, minor] } : {}),
    ...(xattrs.length === 0
      ? {}
      : {
          xattrs: Object.fromEntries(
            xattrs.map(([name, value]) => [name, value.toString('latin1')]),
          ),
        }),
  };
}

const DEVICES = { c: 'character-device', b: 'block-device' } as const;

function typeOf(stat: BigIntStats): TravelEntry['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  return stat.isCharacterDevice() ? 'character-device' : 'block-device';
}
