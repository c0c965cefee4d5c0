import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { directoryStatuses } from '../../src/sys/directory-status.js';
import { fileStatus } from '../../src/sys/file-status.js';
import { isLoaded, libc } from '../../src/sys/libc.js';

describe('what is in a directory', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-directory-'));
  after(() => {
    rmSync(dir, { recursive: true });
  });

  test('is the same when there is little in it: Node is asked, for koffi would have to be loaded', () => {
    const small = mkdtempSync(join(dir, 'small-'));
    writeFileSync(Buffer.concat([Buffer.from(`${small}/`), Buffer.from([0xff, 0x41])]), 'odd');
    mkdirSync(join(small, 'sub'), { mode: 0o1751 });
    symlinkSync('nowhere', join(small, 'link'));
    execFileSync('mknod', [join(small, 'device'), 'b', '259', '70000']);
    for (const [name, seconds] of [
      ['old', -86_400.25],
      ['new', 4_294_967_296.5],
    ] as const) {
      writeFileSync(join(small, name), name);
      utimesSync(join(small, name), seconds, seconds);
    }
    truncateSync(join(small, 'new'), 5 * 2 ** 32);
    const facts = () => directoryStatuses(small).map((each) => [each, each.status.mtimeNs]);
    assert.equal(isLoaded(), false);
    const byNode = [facts(), fileStatus(join(small, 'old')), fileStatus(join(small, 'none'))];
    assert.equal(isLoaded(), false);
    libc();
    assert.deepEqual(byNode, [facts(), fileStatus(join(small, 'old')), undefined]);
    rmSync(small, { recursive: true });
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
