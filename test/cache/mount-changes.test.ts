import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { finishChanges, hasChanges, openChanges } from '../../src/cache/mount-changes.js';
import { openCopy } from '../../src/cache/mount-copy.js';
import { treeLines } from '../helpers/cache-mount.js';

const WORKER = new URL('../helpers/merge-worker.js', import.meta.url).pathname;
const FILL =
  'mkdir -p d/keep d/gone other plain && echo 1 > d/keep/f && echo 1 > d/gone/f && echo 1 > f && echo 1 > other/f && echo 1 > plain/f';
const CHANGE =
  'rm -r d/gone && echo 2 > d/keep/f && ln d/keep/f d/keep/hard && rm f && mkdir f && echo 2 > f/x && rm -r other && mkdir other && echo 2 > other/g && echo 2 > new && rm plain/f && ln -s x plain/f';

test('killed at any call of the merge, whoever comes next finishes it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-merge-'));
  try {
    const expected = plainly(join(dir, 'plain'));
    let killed = 0;
    for (const call of ['rename', 'unlink', 'rmdir'])
      for (let when = 1; ; when++) {
        const home = join(dir, `${call}${String(when)}`);
        const [mount, trash] = [join(home, 'mount'), join(home, 'trash')];
        for (const each of [join(mount, 'fs'), trash]) mkdirSync(each, { recursive: true });
        sh(FILL, join(mount, 'fs'));
        const old = contents(join(mount, 'fs'));
        const changes = openChanges(mount, home, trash);
        sh(CHANGE, changes.path);
        assert.deepEqual(contents(join(mount, 'fs')), old, 'nothing is changed before the commit');
        changes.detach();
        // The rename that commits; what comes after it is the worker's.
        sh('mv changes-*/upper mount/pending', home);
        const whole = merges(mount, trash, `inject=${call}:signal=SIGKILL:when=${String(when)}`);
        finishChanges(mount, trash);
        assert.deepEqual(contents(join(mount, 'fs')), expected, `${call} ${String(when)}`);
        assert.equal(existsSync(join(mount, 'pending')), false);
        if (whole) break;
        killed++;
      }
    assert.ok(killed >= 12, `${String(killed)} calls`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a copy takes the place of the mount whole, hard links and all, whoever was killed in between', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-replace-'));
  try {
    const expected = plainly(join(dir, 'plain'));
    for (const killed of ['no', 'before', 'between']) {
      const [mount, trash] = [join(dir, killed), join(dir, `trash-${killed}`)];
      for (const each of [join(mount, 'fs'), trash]) mkdirSync(each, { recursive: true });
      sh(FILL, join(mount, 'fs'));
      sh('ln d/keep/f link', join(mount, 'fs'));
      const never = new AbortController().signal;
      const changes = await openCopy(mount, { temporary: dir, trash }, never);
      assert.equal(lstatSync(join(changes.path, 'link')).nlink, 2);
      sh(`rm link && ${CHANGE}`, changes.path);
      if (killed === 'no') changes.commit();
      else {
        renameSync(changes.path, join(mount, 'replacement'));
        if (killed === 'between') renameSync(join(mount, 'fs'), join(trash, 'old'));
        assert.ok(hasChanges(mount));
        finishChanges(mount, trash);
      }
      assert.deepEqual(contents(join(mount, 'fs')), expected, killed);
      assert.deepEqual(readdirSync(mount), ['fs']);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

function sh(script: string, cwd: string): void {
  const { status, stderr } = spawnSync('sh', ['-c', script], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function plainly(root: string): string[] {
  mkdirSync(root);
  sh(`${FILL} && ${CHANGE}`, root);
  return contents(root);
}

/** Without times, which differ from run to run. */
function contents(root: string): string[] {
  return treeLines(root).map((line) => line.replace(/"mtime":"\d+",?/, ''));
}

/** False when it was killed. */
function merges(mount: string, trash: string, inject: string): boolean {
  const args = [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=rename,unlink,rmdir',
    '-e',
    inject,
  ].concat([process.execPath, WORKER, mount, trash]);
  return spawnSync('strace', args).status === 0;
}
