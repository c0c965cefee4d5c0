import { readFileSync } from 'node:fs';
import { resolveInside, type SourceTree } from '../cache/source-tree.js';
import type { Owner } from './upper-writer.js';
import { resolveGroup, resolveUser, type UserFiles } from '../runtime/users.js';

const MAX_BYTES = 10 << 20;

/** passwd and group of a tree, links followed inside it; '' where there is none or no regular file. */
export function userFiles(tree: SourceTree): UserFiles {
  return { passwd: textOf(tree, 'etc/passwd'), group: textOf(tree, 'etc/group') };
}

function textOf(tree: SourceTree, path: string): string {
  const resolved = resolveInside(tree, path, true);
  const entry = resolved === undefined ? undefined : tree.entry(resolved);
  if (entry?.type !== 'file' || entry.size > MAX_BYTES) return '';
  return readFileSync(entry.file, 'utf8');
}

/** `--chown=user[:group]` by the destination's passwd: a number alone is also the group, a name brings its own. */
export function ownerOf(chown: string | undefined, tree: SourceTree): Owner | undefined {
  if (chown === undefined) return undefined;
  const [user = '', group] = chown.split(':');
  const files = userFiles(tree);
  if (group !== undefined && group !== '') {
    return { uid: user === '' ? 0 : resolveUser(files, user).uid, gid: resolveGroup(files, group) };
  }
  if (/^\d+$/.test(user)) return { uid: Number(user), gid: Number(user) };
  const { uid, gid } = resolveUser(files, user);
  return { uid, gid };
}
