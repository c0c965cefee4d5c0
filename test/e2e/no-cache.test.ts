import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** A step above that reuses by its definition (WORKDIR) must not bring the old layers below it back. */
test('--no-cache runs RUN again below a WORKDIR, and the next build reuses what it made', () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const context = join(world.dir, 'app');
  mkdirSync(context);
  const run = 'RUN cat /proc/sys/kernel/random/uuid > /uuid';
  writeFileSync(join(context, 'Dockerfile'), `FROM bb\n${run}\nWORKDIR /w\nUSER 1\nWORKDIR /x\n`);
  const uuid = (...flags: string[]): { uuid: string; log: string } => {
    const log = world.ok('build', '--progress=plain', '-t', 'app', ...flags, context).stderr;
    return { uuid: world.ok('run', '--rm', 'app', 'cat', '/uuid').stdout, log };
  };
  const first = uuid();
  assert.equal(uuid().uuid, first.uuid);
  const fresh = uuid('--no-cache');
  assert.notEqual(fresh.uuid, first.uuid);
  assert.match(fresh.log, /RUN cat .*\n#\d+ why: --no-cache\n/);
  assert.match(fresh.log, /WORKDIR \/w\n#\d+ why: input changed: \[2\/4\] RUN cat/);
  assert.equal(uuid().uuid, fresh.uuid);
});
