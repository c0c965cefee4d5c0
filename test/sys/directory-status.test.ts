import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { directoryStatuses } from '../../src/sys/directory-status.js';

describe('what is in a directory', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-directory-'));
  after(() => {
    rmSync(dir, { recursive: true });
  });

  test('is what readdir and lstat say, sorted by bytes', () => {
    const odd = [Buffer.from([0xff, 0x41]), Buffer.from('é\n x'), Buffer.from('.hidden')];
    for (const name of odd) writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), 'odd');
    mkdirSync(join(dir, 'sub'), { mode: 0o751 });
    symlinkSync('nowhere', join(dir, 'link'));
    // More than one call of the kernel gives.
    for (let i = 0; i < 4_000; i++) writeFileSync(join(dir, `f${String(i)}`), 'x'.repeat(i % 7));
    const names = readdirSync(dir, { encoding: 'latin1' }).sort();
    const found = directoryStatuses(dir);
    assert.deepEqual(
      found.map(({ name }) => name),
      names,
    );
    for (const { name, status } of found) {
      const path = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name, 'latin1')]);
      const stat = lstatSync(path);
      for (const fact of ['mode', 'nlink', 'size', 'ino', 'mtimeMs', 'ctimeMs'] as const)
        assert.equal(status[fact], stat[fact], `${name} ${fact}`);
      assert.equal(status.mtimeNs, lstatSync(path, { bigint: true }).mtimeNs, name);
    }
  });

  test('a directory that is not there, and what is none, are errors as of node:fs', () => {
    assert.throws(() => directoryStatuses(join(dir, 'none')), { code: 'ENOENT' });
    assert.throws(() => directoryStatuses(join(dir, 'f1')), { code: 'ENOTDIR' });
  });
});
