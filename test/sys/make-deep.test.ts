import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDeep } from '../../src/sys/make-deep.js';

test('a directory and what is above it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-deep-'));
  try {
    makeDeep(join(dir, 'a/b/c'), 0o700);
    makeDeep(join(dir, 'a/b/c'), 0o755);
    assert.equal(statSync(join(dir, 'a/b/c')).mode & 0o777, 0o700);
    const latin1 = Buffer.from(`${dir}/\xe9/\xe9`, 'latin1');
    makeDeep(latin1);
    assert.ok(statSync(latin1).isDirectory());
    writeFileSync(join(dir, 'file'), '');
    assert.throws(() => { makeDeep(join(dir, 'file')); }, { code: 'EEXIST' }); // prettier-ignore
    assert.throws(() => { makeDeep(join(dir, 'file/below')); }, { code: 'ENOTDIR' }); // prettier-ignore
    assert.throws(() => { makeDeep('/proc/none/below'); }, { code: 'ENOENT' }); // prettier-ignore
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a full disk is called so', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-deep-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=2', 'full', dir]);
  try {
    mkdirSync(join(dir, 'last'));
    assert.throws(() => { makeDeep(join(dir, 'one/more')); }, { code: 'ENOSPC' }); // prettier-ignore
  } finally {
    execFileSync('umount', [dir]);
    rmSync(dir, { recursive: true });
  }
});
