import type { SourceTree } from '../cache/source-tree.js';
import { userFiles } from '../cache/user-files.js';
import { resolveGroup, resolveUser } from '../runtime/users.js';
import type { Owner } from './access.js';

/** `--chown=user[:group]` by the destination's passwd: a number alone is also the group, a name brings its own. */
export function ownerOf(chown: string | undefined, tree: SourceTree): Owner | undefined {
  if (chown === undefined) return undefined;
  const files = userFiles(tree);
  const { uid, gid } = resolveUser(files, chown);
  return { uid, gid: /^\d+$/.test(chown) ? resolveGroup(files, chown) : gid };
}
