import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkEmulation } from '../src/emulation.js';
import { BuildError } from '../src/model/error.js';
import type { BuildPlan } from '../src/model/graph.js';

const HOST = { os: 'linux', architecture: 'amd64' };
const range = { file: 'Dockerfile', startLine: 3, endLine: 3 };

function plan(architecture: string): BuildPlan {
  const op = { kind: 'exec', platform: { os: 'linux', architecture } };
  return { vertices: [{ op, range }] } as unknown as BuildPlan; // checkEmulation reads nothing else of it.
}

/** As the kernel shows a handler of Debian's qemu-user-static. */
function handler(magic: string, flags: string, state = 'enabled'): string {
  return `${state}\ninterpreter /usr/libexec/qemu-binfmt/x\nflags: ${flags}\noffset 0\nmagic ${magic}\nmask ffff\n`;
}
const ARM64 = '7f454c460201010000000000000000000200b700';
const S390X = '7f454c4602020100000000000000000000020016';

const cases: readonly [string, string, string | undefined, RegExp | undefined][] = [
  ['its own programs', 'amd64', undefined, undefined],
  ['32-bit programs', '386', undefined, undefined],
  ['arm64 without a handler', 'arm64', undefined, /has no handler for arm64/],
  ['arm64 with its handler', 'arm64', handler(ARM64, 'POCF'), undefined],
  ['arm64 with a handler of s390x', 'arm64', handler(S390X, 'F'), /has no handler/],
  ['s390x, big-endian, with its handler', 's390x', handler(S390X, 'F'), undefined],
  ['a handler that is off', 'arm64', handler(ARM64, 'F', 'disabled'), /has no handler/],
  ['a handler whose interpreter is outside', 'arm64', handler(ARM64, 'PO'), /not .* with flag F/],
  ['an architecture nobody emulates', 'vax', undefined, /no emulator of vax/],
];
for (const [name, architecture, text, refused] of cases) {
  test(`RUN on amd64: ${name}`, () => {
    const dir = mkdtempSync(join(tmpdir(), 'stave-binfmt-'));
    try {
      if (text !== undefined) writeFileSync(join(dir, 'qemu-x'), text);
      writeFileSync(join(dir, 'status'), 'enabled\n');
      const check = (): void => {
        checkEmulation([plan(architecture)], HOST, dir);
      };
      if (refused === undefined) return check();
      assert.throws(check, (error) => {
        assert.ok(error instanceof BuildError);
        assert.match(error.message, refused);
        assert.match(error.hint ?? '', /apt-get install qemu-user-static binfmt-support/);
        assert.deepEqual(error.range, range);
        return true;
      });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}

test('a kernel without binfmt_misc has no handlers', () => {
  assert.throws(() => {
    checkEmulation([plan('arm64')], HOST, '/nowhere');
  }, /has no handler for arm64/);
});
