import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { sys } from '../../src/sys/sys.js';

describe('sys', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-sys-'));
  after(() => {
    rmSync(dir, { recursive: true });
  });

  test('xattrs travel as bytes', () => {
    const file = join(dir, 'x');
    writeFileSync(file, '');
    const value = Buffer.from([0, 1, 0x80, 0xff]);
    assert.equal(sys().lgetxattr(file, 'user.k'), undefined);
    sys().lsetxattr(file, 'user.k', value);
    assert.deepEqual(sys().lgetxattr(file, 'user.k'), value);
    assert.deepEqual(sys().llistxattr(file), ['user.k']);
    sys().lsetxattr(file, 'user.k', Buffer.alloc(3000, 7));
    assert.equal(sys().lgetxattr(file, 'user.k')?.length, 3000);
    sys().lremovexattr(file, 'user.k');
    assert.deepEqual(sys().llistxattr(file), []);
  });

  test('errors look like those of node:fs', () => {
    assert.throws(() => sys().lgetxattr(join(dir, 'none'), 'user.k'), {
      code: 'ENOENT',
      syscall: 'lgetxattr',
    });
  });

  test('mknod and utimens', () => {
    const file = join(dir, 'whiteout');
    sys().mknod(file, 0o020000, 0, 0);
    assert.ok(lstatSync(file).isCharacterDevice());
    assert.equal(lstatSync(file).rdev, 0);
    const device = join(dir, 'device');
    sys().mknod(device, 0o060600, 259, 70_000);
    assert.equal(lstatSync(device).rdev, 259 * 256 + (70_000 & 0xff) + (70_000 >> 8) * 2 ** 20);
    sys().utimens(file, 1n, 1_700_000_000_987_654_321n);
    assert.equal(lstatSync(file, { bigint: true }).mtimeNs, 1_700_000_000_987_654_321n);
    sys().utimens(file, 0n, -1_500_000_000n);
    assert.equal(lstatSync(file, { bigint: true }).mtimeNs, -1_500_000_000n);
  });

  test('flock excludes, shares, and waits', async () => {
    const file = join(dir, 'lock');
    writeFileSync(file, '');
    const [a, b] = [openSync(file, 'r'), openSync(file, 'r')];
    assert.equal(sys().flock(a, 'shared', false), true);
    assert.equal(sys().flock(b, 'shared', false), true);
    assert.equal(sys().flock(b, 'exclusive', false), false);
    const abort = new AbortController();
    const waiting = sys().flockAsync(b, 'exclusive', abort.signal);
    abort.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
  });

  test('overlay of 300 lowers, upper written, whiteout made', () => {
    const at = (name: string): string => {
      const path = join(dir, 'overlay', name);
      mkdirSync(path, { recursive: true });
      return path;
    };
    const lowers = Array.from({ length: 300 }, (_, i) =>
      at(`lower-${'x'.repeat(60)}-${String(i)}`),
    );
    writeFileSync(join(lowers[299] ?? '', 'bottom'), 'b');
    const [upper, work, target] = [at('upper'), at('work'), at('target')];
    sys().mountOverlay({ lowers, upper, work, target });
    try {
      assert.equal(readFileSync(join(target, 'bottom'), 'utf8'), 'b');
      rmSync(join(target, 'bottom'));
      assert.equal(lstatSync(join(upper, 'bottom')).rdev, 0);
    } finally {
      sys().umount(target);
    }
    assert.throws(() => {
      sys().mountOverlay({ lowers: [join(dir, 'none')], upper, work, target });
    }, /ENOENT/);
  });
});
