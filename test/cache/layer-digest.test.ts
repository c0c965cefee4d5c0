import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestContent, digestLayer } from '../../src/cache/layer-digest.js';
import { sys } from '../../src/sys/sys.js';

test('what a tree holds is digested alike with and without its tar', () => {
  const dir = mkdtempSync('/var/tmp/stave-digest-'); // A filesystem with attributes.
  try {
    for (const [name, size] of [
      ['empty', 0],
      ['small', 5],
      ['large', 3 << 20],
    ] as const)
      writeFileSync(join(dir, name), Buffer.alloc(size, name));
    linkSync(join(dir, 'small'), join(dir, 'same'));
    symlinkSync('small', join(dir, 'link'));
    sys().mknod(join(dir, 'gone'), 0o020000, 0, 0);
    sys().mknod(join(dir, 'pipe'), 0o010644, 0, 0);
    mkdirSync(join(dir, 'opaque'));
    sys().lsetxattr(join(dir, 'opaque'), 'trusted.overlay.opaque', Buffer.from('y'));
    sys().lsetxattr(join(dir, 'small'), 'user.note', Buffer.from('n'));
    assert.equal(digestContent(dir), digestLayer(dir, new Map()).content);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
