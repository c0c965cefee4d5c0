import { fchownSync, lchownSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';

/** Gives a file of a tree its owner, not following a final link. Throws BuildError `runtime` for an id that has no place here. */
export function giveOwner(path: string | Buffer, uid: number, gid: number): void {
  try {
    lchownSync(path, uid, gid);
  } catch (error) {
    throw unmapped(error, uid, gid);
  }
}

/** As `giveOwner`, of an open file. */
export function giveOwnerOf(fd: number, uid: number, gid: number): void {
  try {
    fchownSync(fd, uid, gid);
  } catch (error) {
    throw unmapped(error, uid, gid);
  }
}

/** chown(2) says EINVAL for an id that the user namespace does not map. */
function unmapped(error: unknown, uid: number, gid: number): unknown {
  if (!hasCode(error, 'EINVAL')) return error;
  const count = String(Math.max(uid, gid, 65_535) + 1);
  return new BuildError(
    'runtime',
    `owner ${String(uid)}:${String(gid)} is beyond the subordinate ids of this user`,
    {
      hint: `its first line in /etc/subuid and /etc/subgid must give it ${count}: NAME:100000:${count}`,
      cause: error,
    },
  );
}
