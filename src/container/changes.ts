import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { inodeOf } from '../cache/inode-record.js';
import { bytesUnder, isOpaque } from '../cache/layer-walk.js';
import { DEVICES, mergedView, typeOf } from '../cache/merged-view.js';
import { joinPath, type SourceEntry, type SourceTree } from '../cache/source-tree.js';
import { sys } from '../sys/sys.js';

/** One line of `container diff`: Added, Changed or Deleted. `path` in latin1, relative to the root. */
export interface Change {
  readonly kind: 'A' | 'C' | 'D';
  readonly path: string;
}

export interface ChangedTree {
  /** Directories of the image's layers, bottom first. */
  readonly lowers: readonly string[];
  /** The writable layer. */
  readonly upper: string;
  /** It is no layer, but the whole tree. */
  readonly whole?: boolean;
  /** Mount points: what is there belongs to a mount, not to the container. */
  readonly hidden: ReadonlySet<string>;
}

/**
 * What a container changed, parents before children, siblings in byte order: the answer of a comparison of the two
 * whole trees by type, mode, owner, size, mtime, device and capability (moby, go-archive ChangesDirs), found by looking
 * at the writable layer only, where there is one. A deleted directory is one line; a directory with a change inside is itself changed.
 */
export function containerChanges(tree: ChangedTree): readonly Change[] {
  const below = mergedView(tree.lowers);
  return walk({ ...tree, below }, { path: '', hides: tree.whole === true });
}

interface Walk extends ChangedTree {
  readonly below: SourceTree;
}

interface Place {
  readonly path: string;
  /** What the image has here does not show: an opaque directory, or one in place of something else. */
  readonly hides: boolean;
}

function walk(job: Walk, { path, hides }: Place): Change[] {
  const names = readdirSync(bytesUnder(job.upper, path), { encoding: 'latin1' });
  const gone = hides ? hiddenNames(job, path, new Set(names)) : [];
  return [...names, ...gone]
    .sort()
    .flatMap((name) => changesAt(job, joinPath(path, name), hides))
    .filter((change) => !job.hidden.has(change.path));
}

/** What an opaque directory hides and does not have itself. */
function hiddenNames({ below }: Walk, path: string, own: ReadonlySet<string>): string[] {
  return below
    .children(path)
    .map((child) => child.path.slice(child.path.lastIndexOf('/') + 1))
    .filter((name) => !own.has(name));
}

function changesAt(job: Walk, path: string, hidden: boolean): Change[] {
  const full = bytesUnder(job.upper, path);
  const stat = lstatSync(full, { throwIfNoEntry: false });
  const before = job.below.entry(path);
  if (stat === undefined || isWhiteout(stat))
    return before === undefined ? [] : [{ kind: 'D', path }];
  if (job.hidden.has(path)) return [];
  if (!stat.isDirectory()) {
    if (before === undefined) return [{ kind: 'A', path }];
    return differs(before, stat, full) ? [{ kind: 'C', path }] : [];
  }
  const replaces = before !== undefined && before.type !== 'directory';
  const inside = walk(job, { path, hides: hidden || replaces || isOpaque(full) });
  if (before === undefined) {
    // Made only to mount something in it.
    const stub = inside.length === 0 && readdirSync(full).length > 0;
    return stub ? [] : [{ kind: 'A', path }, ...inside];
  }
  const changed = inside.length > 0 || differs(before, stat, full);
  return changed ? [{ kind: 'C', path }, ...inside] : [];
}

function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

/** A file that was copied up and put back as it was has not changed. */
function differs(before: SourceEntry, now: Stats, file: Buffer): boolean {
  const { uid, gid, mode, device } = inodeOf(file, now);
  const type = device === undefined ? typeOf(now) : DEVICES[device.kind];
  if (before.type !== type) return true;
  if (before.mode !== mode || before.uid !== uid || before.gid !== gid) return true;
  if (before.rdev !== (device?.rdev ?? now.rdev)) return true;
  if (capability(before.file) !== capability(file)) return true;
  if (before.type === 'directory') return false;
  return before.size !== now.size || before.mtimeNs !== lstatSync(file, { bigint: true }).mtimeNs;
}

function capability(path: string | Buffer): string {
  return sys().lgetxattr(path, 'security.capability')?.toString('latin1') ?? '';
}
