import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

/** Takes all descriptors but two, which is too few for the pipes of a process. */
const PROGRAM = `
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { execa } from 'execa';
import { spawned, spawnedBy } from ${JSON.stringify(import.meta.resolve('../../src/sys/spawned.js'))};
const taken = [];
try { for (;;) taken.push(openSync('/dev/null')); } catch {}
for (const fd of taken.slice(-2)) closeSync(fd);
const ways = [
  () => spawned(spawn('true', [], { stdio: 'pipe' })),
  () => spawnedBy(() => execa('true', [], { stdio: 'pipe' })),
];
process.exitCode = ways.filter((way) => {
  try { way(); } catch (error) { return error.code === 'EMFILE'; }
}).length;
`;

test('a process that finds no descriptors for its pipes is an error at once, and only one', () => {
  // More than the modules of execa, which Node opens all at once.
  const shell = 'ulimit -n 512; node --input-type=module -e "$0"; echo "ended with $?"';
  assert.equal(execFileSync('sh', ['-c', shell, PROGRAM], { encoding: 'utf8' }), 'ended with 2\n');
});
