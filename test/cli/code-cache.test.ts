import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('the code of the last versions is kept compiled, and no more', () => {
  const home = mkdtempSync(join(tmpdir(), 'stave-code-'));
  const cache = join(home, 'stave');
  try {
    mkdirSync(cache);
    writeFileSync(join(cache, 'seccomp2-x'), '');
    for (let i = 0; i < 12; i++) {
      writeFileSync(join(cache, `code-${String(i)}.bin`), '');
      utimesSync(join(cache, `code-${String(i)}.bin`), i, i);
    }
    const env = { ...process.env, XDG_CACHE_HOME: home };
    execFileSync('bin/stave', ['version'], { env });
    const [own, ...rest] = readdirSync(cache).filter((name) => !/^code-\d+\.bin$/.test(name));
    assert.match(own ?? '', /^code-.+\.bin$/);
    assert.deepEqual(rest, ['seccomp2-x']);
    const kept = readdirSync(cache).filter((name) => name.startsWith('code-') && name !== own);
    assert.deepEqual(
      kept.sort(),
      [5, 6, 7, 8, 9, 10, 11].map((i) => `code-${String(i)}.bin`).sort(),
    );
  } finally {
    rmSync(home, { recursive: true });
  }
});
