import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runProgram } from '../helpers/run-program.js';
import { runcOnly } from '../helpers/runc-only.js';
import { dockerPeer } from '../helpers/peers.js';
import { staveWorld } from '../helpers/stave.js';

/**
 * Where today's profile of Docker differs from that of Debian's docker 20.10, by number on x86_64. With moby's profile
 * of 2026 in that docker there was no difference at all (measured 2026-11-25).
 */
const ALLOWED_SINCE = [303, 310, 311, 329, 330, 331, 451, 452, 454, 455, 456];
/** io_uring: taken out after its escapes. */
const DENIED_SINCE = [425, 426, 427];
/** set_mempolicy_home_node is in the newer profile, behind CAP_SYS_NICE. */
const KNOWN_SINCE = [450];

/** S21: the verdict of every system call of x86_64, by a probe in the container, is docker's. */
describe('A32: seccomp verdicts of 382 system calls', () => {
  const world = staveWorld();
  before(() => {
    const probe = join(world.dir, 'probe/probe');
    mkdirSync(join(world.dir, 'probe'));
    runProgram('gcc', '-static', '-O1', '-o', probe, 'test/helpers/syscall-probe.c');
    writeFileSync(
      join(world.dir, 'probe/Dockerfile'),
      'FROM scratch\nCOPY probe /\nCMD ["/probe"]\n',
    );
    world.ok('build', '-q', '-t', 'probe', join(world.dir, 'probe'));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  test("crun's and runc's are docker's", async () => {
    await using docker = await dockerPeer(world.dir);
    runProgram('tar', '-C', join(world.dir, 'probe'), '-cf', join(world.dir, 'probe.tar'), 'probe');
    docker.run('import', join(world.dir, 'probe.tar'), 'probe');
    const wanted = verdicts(docker.run('run', '--rm', '--network', 'host', 'probe', '/probe'));
    assert.equal(wanted.size, 382);
    for (const number of ALLOWED_SINCE) wanted.set(number, 'passes');
    for (const number of [...DENIED_SINCE, ...KNOWN_SINCE]) wanted.set(number, 'EPERM');
    assert.deepEqual(verdicts(world.ok('run', '--rm', 'probe').stdout), wanted);
    const path = world.env['PATH'];
    world.env['PATH'] = runcOnly(world.dir);
    try {
      assert.deepEqual(verdicts(world.ok('run', '--rm', 'probe').stdout), wanted);
    } finally {
      world.env['PATH'] = path;
    }
  });
});

/** `NUMBER VERDICT` a line; after a fork there are two who say it. */
function verdicts(text: string): Map<number, string> {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  return new Map(
    lines.map(([number = '', verdict = '']) => [
      Number(number),
      verdict.replace(/^(\w+)\1$/, '$1'),
    ]),
  );
}
