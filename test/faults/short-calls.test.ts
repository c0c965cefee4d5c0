import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { must } from '../helpers/faults/run.js';
import { figure } from '../helpers/figure.js';
import { runProgram } from '../helpers/run-program.js';
import { staveWorld } from '../helpers/stave.js';

const DOCKERFILE = `FROM bb AS make
COPY . /src
ADD layer.tar /unpacked
RUN --mount=type=cache,target=/c cat /src/large > /c/c && cat /c/c /src/large > /twice
FROM bb
COPY --from=make /twice /src /unpacked /all/
`;

/** RELIABILITY R12: network filesystems and FUSE may read and write less than they were asked for. */
test('short reads and writes, writes interrupted: the same image, save, load and output', async () => {
  using world = staveWorld();
  const shim = join(world.dir, 'short-calls.so');
  runProgram('gcc', '-O2', '-shared', '-fPIC', '-o', shim, 'test/helpers/faults/short-calls.c', '-ldl'); // prettier-ignore
  const base = busyboxContext(world.dir);
  const context = join(world.dir, 'context');
  mkdirSync(context);
  writeFileSync(join(context, 'large'), Buffer.alloc(3 << 20, 'large'));
  for (let i = 0; i < 20; i++) writeFileSync(join(context, `small-${String(i)}`), 'small'.repeat(i * i)); // prettier-ignore
  runProgram('tar', '-czf', join(context, 'layer.tar'), '-C', context, 'large', 'small-1', 'small-2'); // prettier-ignore
  writeFileSync(join(context, 'Dockerfile'), DOCKERFILE);

  const shown: string[][] = [];
  const cuts = join(world.dir, 'cuts');
  const short = { LD_PRELOAD: shim, SHORT_CALLS: cuts, UV_USE_IO_URING: '0' };
  for (const more of [{}, short]) {
    const env = { ...world.env, ...more, SOURCE_DATE_EPOCH: '1' };
    const stave = (...args: string[]): Promise<string> => must('bin/stave', args, env);
    const [archive, output] = [join(world.dir, 'out.tar'), join(world.dir, 'output')];
    const said = [
      await stave('build', '-q', '-t', 'bb', base),
      await stave('build', '-q', '-t', 'app', context),
      await stave('build', '-q', '-o', output, context),
      await stave('save', '-o', archive, 'app'),
      runProgram('sh', '-c', 'sha256sum < "$1"', 'sh', archive),
      runProgram('sh', '-c', 'cd "$1" && find . -type f | sort | xargs sha256sum', 'sh', output),
      await stave('rmi', '-f', 'app').then(() => ''),
      await stave('load', '-q', '-i', archive),
      await stave('run', '--rm', '--network=none', 'app', 'sha256sum', '/all/twice', '/all/large'),
      await stave('store', 'check', '--full'),
    ];
    shown.push(said);
    for (const gone of [world.root, archive, output]) rmSync(gone, { recursive: true });
  }
  assert.deepEqual(shown[1], shown[0]);
  const { size } = statSync(cuts);
  assert.ok(size > 200, 'calls were cut short');
  figure({
    area: 'Short reads and writes',
    what: 'build, -o, save, load, run, store check --full',
    value: `${String(size)} reads and writes cut short: every byte as without`,
  });
});
