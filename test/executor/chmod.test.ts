import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseChmod } from '../../src/executor/chmod.js';

const SYMBOLIC = ['go-w', 'u=rw,g=r,o=r', 'a+X', 'o-rwx,g+x', 'u=rwx,g=,o=', 'u+rw,g+r,o-x,o+w']
  .concat(['g+rw,o+rw', 'u=rwX,go=rX', '+x', '=r', 'u+s', 'g+s', '+t', 'u=rws', 'g=u', 'o=g'])
  .concat(['u-x+r', 'a-X', 'ug=o', 'ugo+rwx', 'a=', 'go=u,u=', '-st', 'o+u']);
const MODES = [0o644, 0o755, 0o500, 0o000, 0o777, 0o611, 0o4755];

test('symbolic modes are what chmod(1) does with umask 0', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-chmod-'));
  const chmod = (path: string, mode: string) =>
    spawnSync('sh', ['-c', 'umask 0; exec chmod -- "$0" "$1"', mode, path]);
  try {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    for (const text of SYMBOLIC) {
      for (const mode of MODES) {
        chmodSync(file, mode);
        assert.equal(chmod(file, text).status, 0, text);
        const expected = statSync(file).mode & 0o7777;
        const actual = parseChmod(text).apply(mode, false);
        assert.equal(actual.toString(8), expected.toString(8), `${text} on ${mode.toString(8)}`);
      }
    }
    mkdirSync(join(dir, 'd'));
    for (const text of ['a+X', 'u=rwX,go=rX', 'go-X']) {
      chmodSync(join(dir, 'd'), 0o600);
      chmod(join(dir, 'd'), text);
      const expected = statSync(join(dir, 'd')).mode & 0o7777;
      assert.equal(parseChmod(text).apply(0o600, true).toString(8), expected.toString(8), text);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('octal modes, and what is neither', () => {
  assert.equal(parseChmod('0755').apply(0o600, false), 0o755);
  assert.equal(parseChmod('7777').apply(0, true), 0o7777);
  assert.equal(parseChmod('4711').parents, 0o711);
  assert.equal(parseChmod('u=rw').parents, 0o755);
  for (const bad of ['10000', '64a', '8', '0o755', '', 'rwx', 'u=q', 'u+', 'z+x', 'u=r,', 'u=gr']) {
    if (bad === 'u+') continue; // chmod(1) and BuildKit take it: nothing to do.
    assert.throws(() => parseChmod(bad), /invalid chmod parameter/, bad);
  }
});
