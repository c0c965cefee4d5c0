import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

const SAME = 'CACHED (same result)';

/** PAINS 15: whatever made a step run again, what follows is reused when the step gave what it gave before. */
describe('early cutoff', () => {
  const world = staveWorld();
  const at = join(world.dir, 'project');
  before(() => {
    world.ok('build', '-q', '-t', 'base0', busyboxContext(world.dir));
    mkdirSync(at);
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const write = (file: string, text: string): void => {
    writeFileSync(join(at, file), text);
  };
  const dockerfile = (...lines: string[]): void => {
    write('Dockerfile', `${lines.join('\n')}\n`);
  };
  /** Of each step of the Dockerfile, by what is in its brackets: why it ran, or how it was cached. */
  const build = (...args: string[]): Record<string, string> => {
    const { stderr } = world.ok('build', '--progress=plain', ...args, at);
    return Object.fromEntries(
      [...stderr.matchAll(/^#\d+ \[((?!internal)[^\]]*)\] .*\n#\d+ (.*)$/gm)].map(
        ([, step = '', how = '']) => [step, how],
      ),
    );
  };
  const image = (...args: string[]): string => world.ok('build', '-q', ...args, at).stdout.trim();

  const AFTER = ['RUN cat /made > /copy', 'WORKDIR /w', 'COPY Dockerfile /w/', 'RUN ls > /list'];

  test('the text of a RUN is rewritten, its effect is the same', () => {
    const write1 = (run: string): void => {
      dockerfile('FROM base0', run, ...AFTER.filter((line) => !line.startsWith('COPY')));
    };
    write1('RUN echo made > /made');
    build();
    write1('RUN printf "%s\\n" made > /made');
    const how = build();
    assert.match(how['2/5']!, /^why: changed: instruction text/);
    assert.deepEqual([how['3/5'], how['4/5'], how['5/5']], [SAME, SAME, SAME]);
    // By their definitions, from now on.
    assert.deepEqual(Object.values(build()), Array(5).fill('CACHED'));
  });

  test('--rebuild runs one step again; with the same files all that follows is reused', () => {
    dockerfile('FROM base0', 'RUN echo made > /made', 'RUN cat /made > /copy', 'WORKDIR /w');
    const first = image();
    const names = ['2/4', '[2/4]', 'echo made', 'RUN echo made > /made', 'run  echo made'];
    for (const step of [...names, 'Dockerfile:2', `${join(at, 'Dockerfile')}:2`, ':2']) {
      const how = build('--rebuild', step);
      assert.equal(how['2/4'], 'why: --rebuild', step);
      assert.deepEqual([how['1/4'], how['3/4'], how['4/4']], ['CACHED', SAME, SAME], step);
    }
    const both = build('--rebuild=2/4', '--rebuild=cat /made');
    assert.deepEqual(Object.values(both), ['CACHED', 'why: --rebuild', 'why: --rebuild', SAME]);
    assert.equal(image('--rebuild=4/4').length, first.length);
    assert.deepEqual(Object.values(build()), Array(4).fill('CACHED'));
  });

  test('--rebuild takes the text of the Dockerfile, variables and line ends included', () => {
    const run = ['RUN echo $V > /made \\', '   && cat /made'];
    dockerfile('FROM base0', 'ARG V=1', ...run, 'RUN cat /made > /copy');
    build();
    for (const step of [run.join('\n'), 'echo $V > /made && cat', 'echo 1 > /made', ':4'])
      assert.equal(build('--rebuild', step)['2/3'], 'why: --rebuild', step);
  });

  test('--rebuild of a step that gives something else runs what follows', () => {
    dockerfile('FROM base0', 'RUN cat /proc/sys/kernel/random/uuid > /made', 'RUN cat /made > /c');
    const first = image();
    const how = build('--rebuild', '2/3');
    assert.deepEqual(
      [how['2/3'], how['3/3']],
      ['why: --rebuild', 'why: input changed: [2/3] RUN cat /proc/sys/kernel/random/uuid > /made'],
    );
    const second = image();
    assert.notEqual(second, first);
    assert.equal(image(), second);
  });

  test('--rebuild of a stage’s step leaves the other stage alone', () => {
    dockerfile(
      'FROM base0 AS one',
      'RUN echo one > /one',
      'FROM base0 AS two',
      'RUN echo two > /two',
      'COPY --from=one /one /one',
    );
    build();
    const how = build('--rebuild', 'one 2/2');
    assert.deepEqual(
      [how['one 2/2'], how['two 2/3'], how['two 3/3']],
      ['why: --rebuild', 'CACHED', SAME],
    );
  });

  test('what --rebuild names must be one step that runs', () => {
    dockerfile(
      'FROM base0 AS one',
      'RUN echo a',
      'FROM one AS two',
      'RUN echo b',
      'COPY Dockerfile /',
    );
    const wrong = (step: string): string => world.run('build', '--rebuild', step, at).stderr;
    assert.match(
      wrong('echo c'),
      /--rebuild echo c: no step of this build is called that[^]*hint: /,
    );
    assert.match(wrong('two 1/3'), /no step[^]*did you mean "two [12]\/2"\?/);
    assert.match(wrong('COPY Dockefile /'), /did you mean "COPY Dockerfile \/"\?/);
    assert.match(
      wrong('RUN echo'),
      /means several steps\n {2}\[one 2\/2\] RUN echo a\n {2}\[two 1\/2\]/,
    );
    assert.match(
      wrong('FROM'),
      /\[one 1\/2\] FROM \S*base0\S* is no step that runs[^]*hint: --pull/,
    );
    assert.match(wrong('4'), /no step of this build is called that/);
  });

  test('the tag of a base moves to other layers with the same files', () => {
    // A Dockerfile of its own: else its step would be the last one at the app's place.
    const moveTo = (...lines: string[]): void => {
      write('base.Dockerfile', `${lines.join('\n')}\n`);
      image('-t', 'moving', '-f', join(at, 'base.Dockerfile'));
    };
    const base = (text: string): void => {
      moveTo('FROM base0', text);
    };
    const app = (...args: string[]): Record<string, string> => {
      dockerfile('FROM moving', 'RUN cat /f > /copy', 'WORKDIR /w', 'RUN ls / > /list');
      return build(...args);
    };
    base('RUN echo f > /f; touch -d @1000000 /f');
    app();
    // Another time of a file is another layer to a registry, and the same to a step.
    base('RUN echo f > /f; touch -d @2000000 /f');
    assert.deepEqual(Object.values(app()), ['CACHED', SAME, SAME, SAME]);
    // The same layers under another config.
    moveTo('FROM moving', 'LABEL moved=yes');
    assert.deepEqual(Object.values(app()), Array(4).fill('CACHED'));
    base('RUN echo other > /f');
    assert.match(app()['2/4']!, /^why: input changed: \[1\/4\] FROM \S*moving/);
  });

  test('a stage is built again, its artefact is the same', () => {
    dockerfile(
      'FROM base0 AS make',
      'COPY source /source',
      'RUN grep -v "^#" /source > /artefact',
      'FROM base0',
      'COPY --from=make /artefact /artefact',
      'RUN cat /artefact > /copy',
      'RUN --mount=from=make,source=/artefact,target=/m cat /m > /bound',
    );
    write('source', '# one\ncode\n');
    build();
    write('source', '# two\ncode\n');
    const how = build();
    assert.match(how['make 2/3']!, /^why: changed: source \(content\)/);
    assert.match(how['make 3/3']!, /^why: input changed: \[make 2\/3\] COPY/);
    assert.deepEqual(
      [how['stage-1 2/4'], how['stage-1 3/4'], how['stage-1 4/4']],
      [SAME, SAME, SAME],
    );
    write('source', '# two\nother code\n');
    assert.match(build()['stage-1 2/4']!, /^why: changed: artefact|^why: input changed/);
  });

  test('--no-cache and --no-cache-filter run what they name, and no other', () => {
    dockerfile(
      'FROM base0 AS one',
      'RUN echo one > /one',
      'FROM base0 AS two',
      'COPY --from=one /one /one',
      'RUN cat /one > /two',
    );
    build();
    const filtered = build('--no-cache-filter=one');
    assert.deepEqual(
      [filtered['one 2/2'], filtered['two 2/3'], filtered['two 3/3']],
      ['why: --no-cache', SAME, SAME],
    );
    const all = build('--no-cache');
    assert.deepEqual(
      [all['one 2/2'], all['two 2/3'], all['two 3/3']],
      Array(3).fill('why: --no-cache'),
    );
    assert.match(
      world.run('build', '--no-cache', '--no-cache-filter=one', at).stderr,
      /--no-cache and --no-cache-filter exclude each other/,
    );
    assert.match(
      world.ok('build', '--progress=plain', '--no-cache-filter=tow', at).stderr,
      /no stage has this name; did you mean two\?/,
    );
  });
});
