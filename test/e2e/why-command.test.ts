import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { checkTrace } from '../helpers/check-trace.js';
import { staveWorld } from '../helpers/stave.js';

describe('why, trace and the last line', () => {
  const world = staveWorld();
  const at = join(world.dir, 'project');
  before(() => {
    world.ok('build', '-q', '-t', 'base0', busyboxContext(world.dir));
    mkdirSync(join(at, 'src'), { recursive: true });
    writeFileSync(join(at, 'src/one'), 'one');
    writeFileSync(join(at, 'src/two'), 'two');
    writeFileSync(
      join(at, 'Dockerfile'),
      [
        'FROM base0 AS builder',
        'COPY src /src',
        'RUN cat /src/one > /made',
        'FROM base0',
        'ARG V=1',
        'COPY --from=builder /made /made',
        'RUN cat /made; echo $V',
      ].join('\n'),
    );
    world.ok('build', '-q', '-t', 'app:1', at);
    writeFileSync(join(at, 'src/one'), 'changed');
    writeFileSync(join(at, 'src/two'), 'changed, too');
    world.ok('build', '-q', '-t', 'app:2', at);
    writeFileSync(join(at, 'src/two'), 'changed again');
    world.ok('build', '-q', '-t', 'app:3', at);
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const why = (...args: string[]): string => world.ok('why', ...args).stdout;

  test('every step of the last build, and of those before', () => {
    const last = why();
    assert.match(last, /^build [a-z0-9]{20} of project: completed, .* ago, \d+\.\ds\n\n#/);
    assert.match(
      last,
      /^#\d+ \[builder 2\/3\] COPY src \/src\n#\d+ why: changed: src\/two \(content\)\n\n/m,
    );
    assert.match(
      last,
      /^(#\d+) \[builder 3\/3\] RUN .*\n\1 why: input changed: \[builder 2\/3\] COPY src \/src\n\1 began with #\d+ \[builder 2\/3\] COPY src \/src: changed: src\/two \(content\)\n/m,
    );
    assert.match(
      last,
      /\[stage-1 2\/3\] COPY --from.*\n#\d+ CACHED \(same result\): what it reads/,
    );
    assert.match(last, /\[stage-1 1\/3\] FROM .*\n#\d+ CACHED: nothing it reads has changed\n/);
    const second = why('^1');
    assert.match(second, /why: changed: src\/one \(content\) and 1 more\n/);
    assert.match(
      second,
      /^(#\d+) \[stage-1 3\/3\] RUN .*\n\1 why: input changed: \[stage-1 2\/3\] .*\n\1 began with #\d+ \[builder 2\/3\] COPY src \/src: changed: src\/one \(content\) and 1 more\n/m,
    );
    assert.doesNotMatch(why('app:1'), /: changed/);
  });

  test('one step: by number, brackets or text, of the last build or another', () => {
    const number = /^#(\d+) \[builder 2\/3\]/m.exec(why())![1]!;
    for (const step of [number, `#${number}`, 'builder 2/3', '[builder 2/3]', 'copy SRC']) {
      const text = why(step);
      assert.match(
        text,
        /\n\n#\d+ \[builder 2\/3\] COPY src \/src\n#\d+ why: changed: src\/two/,
        step,
      );
      assert.equal(text.match(/^#/gm)?.length, 2);
    }
    assert.match(why('app:2', 'builder 2/3'), /src\/one/);
    const report = JSON.parse(why('^1', 'stage-1 3/3', '--format=json')) as {
      Steps: { Why: object; Cause: { Name: string; Why: object } }[];
    };
    assert.deepEqual(report.Steps[0]!.Cause.Why, {
      kind: 'changed',
      what: 'src/one (content)',
      more: 1,
      text: 'changed: src/one (content) and 1 more',
    });
    assert.equal(why('--format', '{{range .Steps}}{{.Status}} {{end}}').split(' ').length, 6);
    assert.match(
      world.run('why', 'COPY scr /src').stderr,
      /no step[^]*did you mean "COPY src \/src"/,
    );
    assert.match(world.run('why', 'app:9', 'RUN').stderr, /no record found for ref "app:9"/);
    assert.match(world.run('why', 'a', 'b', 'c').stderr, /at most 2 arguments/);
  });

  test('rawjson has the reason; quiet has nothing', () => {
    writeFileSync(join(at, 'src/one'), 'for rawjson');
    const { stderr } = world.ok('build', '--progress=rawjson', at);
    const reasons = stderr
      .split('\n')
      .filter(Boolean)
      .flatMap(
        (line) => (JSON.parse(line) as { vertexes?: { why?: { text: string } }[] }).vertexes ?? [],
      )
      .flatMap((vertex) => vertex.why?.text ?? []);
    assert.equal(reasons[0], 'changed: src/one (content)');
    const last = JSON.parse(stderr.trimEnd().split('\n').at(-1)!) as { summary: object };
    const { status, steps, cached } = last.summary as Record<string, unknown>;
    assert.deepEqual([status, steps, cached], ['completed', 5, 1]);
    assert.equal(world.ok('build', '-q', at).stderr, '');
  });

  test('the last line is how long it took and what was cached; of a failure, before the error', () => {
    const { stderr } = world.ok('build', '--progress=plain', '-t', 'app:1', at);
    assert.match(stderr, /\nnamed .*\nbuilt in \d+\.\ds, all 5 steps cached\n$/);
    const failed = world.run(
      'build',
      '--progress=plain',
      '--build-arg=V=2',
      '--target=nothing',
      at,
    );
    assert.match(failed.stderr, /\nfailed after \d+\.\ds\nERROR: /);
  });

  test('a trace of a build, while building and afterwards, also of one that failed (testHistoryFinalizeTrace)', () => {
    const file = join(world.dir, 'trace.json');
    world.ok('build', '-q', '--build-arg=V=3', '--trace', file, at);
    const names = (text: string): unknown[] =>
      checkTrace(text).map(({ ph, name, args }) => [ph, name, args?.['why'] ?? '']);
    const whileBuilding = names(readFileSync(file, 'utf8'));
    assert.deepEqual(whileBuilding, names(world.ok('history', 'trace').stdout));
    const run = whileBuilding.find((event) => String((event as string[])[1]).includes('echo 3'));
    assert.deepEqual(run, ['X', '[stage-1 3/3] RUN cat /made; echo 3', 'changed: ARG V (1 -> 3)']);
    const failing = join(world.dir, 'failing');
    mkdirSync(failing);
    writeFileSync(join(failing, 'Dockerfile'), 'FROM base0\nRUN echo a; exit 3\n');
    assert.equal(world.run('build', '-q', '--trace', file, failing).status, 1);
    const failed = checkTrace(readFileSync(file, 'utf8')).find(({ name }) =>
      name.includes('exit 3'),
    );
    assert.match(String(failed?.args?.['error']), /exit code: 3/);
    world.ok('history', 'trace', '-o', file, '^1');
    assert.deepEqual(names(readFileSync(file, 'utf8')), whileBuilding);
    assert.match(
      world.run('build', '--trace', '/nonexistent/t.json', at).stderr,
      /^ERROR: --trace: cannot write/,
    );
  });
});
