import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mergedView } from '../../src/cache/merged-view.js';
import type { SourceEntry } from '../../src/cache/source-tree.js';
import { UpperWriter } from '../../src/executor/upper-writer.js';
import { sys } from '../../src/sys/sys.js';

/** Files are made with their mode in one call where they may be; what a directory adds to it must not show. */
describe('owner and mode of a copied file', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync('/var/tmp/stave-upper-'); // A filesystem with ACLs.
    writeFileSync(join(dir, 'source'), 'content');
  });
  after(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  interface Row {
    readonly name: string;
    readonly directory: { readonly mode: number; readonly gid: number };
    readonly files: readonly {
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }[];
    /** A default ACL that lets nobody else read. */
    readonly acl?: true;
  }
  const root = { uid: 0, gid: 0 };
  const plain = { mode: 0o755, gid: 0 };
  const rows: readonly Row[] = [
    {
      name: 'plain',
      directory: plain,
      files: [
        { ...root, mode: 0o644 },
        { ...root, mode: 0o755 },
      ],
    },
    {
      name: 'bits of the umask',
      directory: plain,
      files: [
        { ...root, mode: 0o666 },
        { ...root, mode: 0o777 },
      ],
    },
    { name: 'set-user-ID', directory: plain, files: [{ ...root, mode: 0o4755 }] },
    {
      name: 'no permissions',
      directory: plain,
      files: [
        { ...root, mode: 0 },
        { ...root, mode: 0o400 },
      ],
    },
    {
      name: 'another owner',
      directory: plain,
      files: [
        { uid: 5, gid: 7, mode: 0o644 },
        { ...root, mode: 0o644 },
      ],
    },
    {
      name: 'a set-group-ID directory',
      directory: { mode: 0o2775, gid: 50 },
      files: [
        { ...root, mode: 0o644 },
        { ...root, mode: 0o644 },
        { uid: 0, gid: 50, mode: 0o640 },
      ],
    },
    {
      name: 'a directory with a default ACL',
      directory: plain,
      acl: true,
      files: [
        { ...root, mode: 0o644 },
        { ...root, mode: 0o644 },
        { ...root, mode: 0o755 },
      ],
    },
  ];
  for (const { name, directory, files, acl } of rows)
    test(name, () => {
      const upper = join(dir, name.replaceAll(' ', '-'));
      mkdirSync(upper);
      const writer = new UpperWriter(upper, mergedView([]));
      const { mode, gid } = directory;
      writer.directory('d', entry('directory'), { owner: { uid: 0, gid }, mode });
      if (acl) sys().lsetxattr(join(upper, 'd'), 'system.posix_acl_default', ONLY_OWNER);
      for (const [i, file] of files.entries())
        writer.file(`d/f${String(i)}`, entry('file'), { owner: file, mode: file.mode });
      writer.finish();
      const made = files.map((_, i) => lstatSync(join(upper, `d/f${String(i)}`)));
      assert.deepEqual(
        made.map((stat) => ({ uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 })),
        files.map((file) => ({ uid: file.uid, gid: file.gid, mode: file.mode })),
      );
      assert.deepEqual(
        made.map((stat) => stat.mtimeMs),
        files.map(() => 1000),
      );
      assert.equal(readFileSync(join(upper, 'd/f0'), 'utf8'), 'content');
    });

  function entry(type: 'file' | 'directory'): SourceEntry {
    const file = join(dir, 'source');
    const common = { path: 'source', type, mode: 0, uid: 0, gid: 0, rdev: 0, file };
    return { ...common, size: type === 'file' ? 7 : 0, mtimeNs: 1_000_000_000n };
  }
});

/** posix_acl_xattr: version 2; user::rwx, group::---, other::--- (linux/posix_acl_xattr.h). */
const ONLY_OWNER = Buffer.concat([
  Buffer.from([2, 0, 0, 0]),
  ...[
    [1, 7],
    [4, 0],
    [0x20, 0],
  ].map(([tag = 0, permissions = 0]) =>
    Buffer.from([tag, 0, permissions, 0, 0xff, 0xff, 0xff, 0xff]),
  ),
]);
