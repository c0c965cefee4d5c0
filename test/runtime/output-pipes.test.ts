import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

/** Leaves three descriptors free, which is one pipe and a half, and says how many are free after it failed. */
const PROGRAM = `
import { closeSync, openSync } from 'node:fs';
import { createPipe } from ${JSON.stringify(import.meta.resolve('../../src/sys/pipe.js'))};
import { outputPipes } from ${JSON.stringify(import.meta.resolve('../../src/runtime/output-pipes.js'))};
const { readEnd, writeEnd } = createPipe(); // What it loads it loads now.
for (const fd of [readEnd, writeEnd]) closeSync(fd);
const take = () => { const taken = []; try { for (;;) taken.push(openSync('/dev/null')); } catch { return taken; } };
for (const fd of take().slice(-3)) closeSync(fd);
let code = 'none';
try { outputPipes(); } catch (error) { code = error.code; }
process.exitCode = code === 'EMFILE' ? take().length : 99;
`;

test('pipes of which there are too few descriptors for the second leave nothing open', () => {
  const shell = 'ulimit -n 64; node --input-type=module -e "$0"; echo "$? free"';
  assert.equal(execFileSync('sh', ['-c', shell, PROGRAM], { encoding: 'utf8' }), '3 free\n');
});
