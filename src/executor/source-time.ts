import { createReadStream, rmSync } from 'node:fs';
import { tarEntries } from '../cache/tar.js';
import { BuildError } from '../model/error.js';
import type { GitSpec, HttpSpec } from '../model/graph.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { openArchive } from './context-archive.js';
import { download } from './download.js';
import { gitTime } from './git-tree.js';
import { NewestFile } from './newest-file.js';
import type { RemoteSources } from './remote-sources.js';

/**
 * When a remote source was made, in seconds: the committer's time; Last-Modified, else the newest file's of an archive.
 * Undefined for a file that tells neither.
 */
export async function sourceTime(
  op: HttpSpec | GitSpec,
  remote: RemoteSources,
  scope: Scope,
): Promise<number | undefined> {
  if (op.kind === 'git') return gitTime(op, remote, scope);
  const wanted = { url: new URL(op.url), checksum: op.checksum };
  const known = await download({ ...wanted, bytes: false }, remote, scope);
  const bytes = known.modified === undefined && known.path === undefined;
  const { modified, path } = bytes
    ? await download({ ...wanted, bytes: true }, remote, scope)
    : known;
  if (modified !== undefined) {
    if (path !== undefined) rmSync(path);
    return Math.floor(modified / 1000);
  }
  if (path === undefined) throw new Error('a download without bytes');
  try {
    return await archiveTime(createReadStream(path));
  } finally {
    rmSync(path);
  }
}

/** The time of the newest file; what is no archive, or a damaged one, has none, as in BuildKit. */
async function archiveTime(bytes: Bytes): Promise<number | undefined> {
  const newest = new NewestFile();
  try {
    const { tar } = await openArchive(bytes);
    if (tar === undefined) return undefined;
    for await (const { header } of tarEntries(tar)) newest.see(header);
    return newest.seconds;
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}
