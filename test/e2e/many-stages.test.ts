import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** Each running step listens to the build's signal: Node took them for a leak and told the user so. */
test('twelve stages at once: the right files, and not a word on stderr', () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const stages = Array.from({ length: 12 }, (_, i) => String(i));
  const text = [
    ...stages.map((i) => `FROM bb AS s${i}\nRUN echo ${i} > /s${i}\nRUN true`),
    'FROM bb',
    ...stages.map((i) => `COPY --from=s${i} /s${i} /all/`),
  ];
  writeFileSync(join(world.dir, 'Dockerfile'), `${text.join('\n')}\n`);
  assert.equal(world.ok('build', '-q', '-t', 'all', world.dir).stderr, '');
  const { stdout } = world.ok('run', '--rm', 'all', 'sh', '-c', 'cat /all/* | sort -n');
  assert.equal(stdout, `${stages.join('\n')}\n`);
});
