import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** The build before a change, as data. */
interface Project {
  readonly base: string;
  readonly arg: string;
  readonly env: string;
  readonly user: string;
  readonly workdir: string;
  readonly text: string;
  readonly files: ReadonlyMap<string, { readonly body: string; readonly mode: number }>;
}

const FILES = Array.from(
  { length: 8 },
  (_, i) => [`src/file${i}`, { body: `body ${i}`, mode: 0o644 }] as const,
);
const START: Project = {
  base: 'bb',
  arg: '1',
  env: 'one',
  user: '1',
  workdir: '/w',
  text: 'true',
  files: new Map(FILES),
};

/** The same everywhere and always: failures can be told again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Mutation = (pick: (below: number) => number, p: Project) => readonly [Project, why: string];
const withFile = (
  p: Project,
  change: (files: Map<string, { body: string; mode: number }>) => void,
): Project => {
  const files = new Map(p.files);
  change(files);
  return { ...p, files };
};
const chosen = (pick: (below: number) => number, p: Project): string =>
  [...p.files.keys()][pick(p.files.size)]!;

const MUTATIONS: readonly Mutation[] = [
  (pick, p) => {
    const name = chosen(pick, p);
    const { mode } = p.files.get(name)!;
    return [
      withFile(p, (f) => f.set(name, { body: `new ${pick(1e9)}`, mode })),
      `${name} (content)`,
    ];
  },
  (pick, p) => {
    const name = chosen(pick, p);
    const { body, mode } = p.files.get(name)!;
    return [withFile(p, (f) => f.set(name, { body, mode: mode ^ 0o111 })), `${name} (mode)`];
  },
  (pick, p) => {
    const name = `src/added${pick(1e9)}`;
    return [withFile(p, (f) => f.set(name, { body: name, mode: 0o644 })), `${name} (added)`];
  },
  (pick, p) => {
    const name = chosen(pick, p);
    return [withFile(p, (f) => f.delete(name)), `${name} (removed)`];
  },
  (pick, p) => {
    const name = chosen(pick, p);
    const to = `src/renamed${pick(1e9)}`;
    const moved = withFile(p, (f) => {
      f.set(to, f.get(name)!);
      f.delete(name);
    });
    return [moved, `${name} -> ${to} (renamed)`];
  },
  (pick, p) => {
    const arg = String(pick(1e9));
    return [{ ...p, arg }, `ARG V (${p.arg} -> ${arg})`];
  },
  (pick, p) => {
    const env = String(pick(1e9));
    return [{ ...p, env }, `ENV E (${p.env} -> ${env})`];
  },
  (pick, p) => {
    const user = String(2 + pick(1e6));
    return [{ ...p, user }, `user (${p.user} -> ${user})`];
  },
  (pick, p) => {
    const workdir = `/w${pick(1e6)}`;
    return [{ ...p, workdir }, `path (${p.workdir} -> ${workdir})`];
  },
  (pick, p) => {
    const text = `true ${pick(1e9)}`;
    return [{ ...p, text }, `instruction text (/bin/sh -c ${p.text} -> /bin/sh -c ${text})`];
  },
];

describe('the reason in plain output', () => {
  const world = staveWorld();
  const at = join(world.dir, 'project');
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  const put = (p: Project): void => {
    rmSync(at, { recursive: true, force: true });
    mkdirSync(join(at, 'src'), { recursive: true });
    for (const [name, { body, mode }] of p.files) {
      writeFileSync(join(at, name), body);
      chmodSync(join(at, name), mode);
    }
    const lines = [
      `FROM ${p.base}`,
      'COPY src /src',
      `WORKDIR ${p.workdir}`,
      `USER ${p.user}`,
      `ENV E=${p.env}`,
      'ARG V',
      `RUN ${p.text}`,
    ];
    writeFileSync(join(at, 'Dockerfile'), `${lines.join('\n')}\n`);
  };
  const reasons = (p: Project): string[] => {
    const { stderr } = world.ok('build', '--progress=plain', `--build-arg=V=${p.arg}`, at);
    return [...stderr.matchAll(/^#\d+ why: (.*)$/gm)].map(([, why = '']) => why);
  };

  test('40 random single changes are each named, and nothing is when there is none', () => {
    const pick = random(7);
    let project = START;
    put(project);
    reasons(project);
    for (let round = 0; round < 40; round++) {
      const mutation = MUTATIONS[round < MUTATIONS.length ? round : pick(MUTATIONS.length)]!;
      const [changed, why] = mutation(pick, project);
      project = changed;
      put(project);
      const [first] = reasons(project);
      assert.equal(first, `changed: ${why}`, `round ${round}`);
      if (round % 10 === 9) assert.deepEqual(reasons(project), []);
    }
  });

  test('another base is named as an input; one with the same result is cut off early', () => {
    const steps = (n: number): string =>
      `FROM bb\nRUN echo ${n} > /dev/null; echo same > /f\nRUN echo after\n`;
    const dir = join(world.dir, 'cutoff');
    mkdirSync(dir);
    const build = (text: string): string => {
      writeFileSync(join(dir, 'Dockerfile'), text);
      return world.ok('build', '--progress=plain', dir).stderr;
    };
    build(steps(1));
    const second = build(steps(2));
    assert.match(second, /\[2\/3\] RUN echo 2[^]*why: changed: instruction text/);
    assert.match(second, /\[3\/3\] RUN echo after\n#\d+ CACHED \(same result\)/);
    const other = build('FROM bb\nRUN echo 2 > /dev/null; echo different > /f\nRUN echo after\n');
    assert.match(other, /\[3\/3\] RUN echo after\n#\d+ why: input changed: \[2\/3\] RUN/);
  });
});
