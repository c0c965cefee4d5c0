import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxContext } from './busybox.js';
import type { StaveWorld } from './stave.js';

/** The build before a change, as data. */
interface Project {
  readonly base: number;
  readonly arg: string;
  readonly env: string;
  readonly user: string;
  readonly workdir: string;
  readonly text: string;
  readonly tmpfs: string;
  readonly size: number;
  readonly cache: 'ro' | 'rw';
  readonly platform: string;
  readonly files: ReadonlyMap<string, { readonly body: string; readonly mode: number }>;
}

const BASES = 6;
const [VARIANTS, ARCHITECTURE] =
  process.arch === 'arm64'
    ? [['', '/v8', '/v9'], 'linux/arm64']
    : [['', '/v2', '/v3', '/v4'], 'linux/amd64'];
const FILES = Array.from(
  { length: 8 },
  (_, i) => [`src/file${String(i)}`, { body: `body ${String(i)}`, mode: 0o644 }] as const,
);
const START: Project = {
  base: 0,
  arg: '1',
  env: 'one',
  user: '1',
  workdir: '/w',
  text: 'true',
  tmpfs: '/t',
  size: 65536,
  cache: 'rw',
  platform: ARCHITECTURE,
  files: new Map(FILES),
};

type Pick = (below: number) => number;

/** The same everywhere and always: failures can be told again. */
function random(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Mutation = (pick: Pick, p: Project) => readonly [Project, why: string];
const fresh = (pick: Pick): string => String(pick(1e9));
const withFile = (
  p: Project,
  change: (files: Map<string, { body: string; mode: number }>) => void,
): Project => {
  const files = new Map(p.files);
  change(files);
  return { ...p, files };
};
const chosen = (pick: Pick, p: Project): string => [...p.files.keys()][pick(p.files.size)]!;

/** Each with the reason that the first step that runs must give. */
const MUTATIONS: Readonly<Record<string, Mutation>> = {
  content: (pick, p) => {
    const name = chosen(pick, p);
    const { mode } = p.files.get(name)!;
    return [
      withFile(p, (f) => f.set(name, { body: `new ${fresh(pick)}`, mode })),
      `changed: ${name} (content)`,
    ];
  },
  mode: (pick, p) => {
    const name = chosen(pick, p);
    const { body, mode } = p.files.get(name)!;
    const other = [0o644, 0o755, 0o600, 0o700, 0o640].filter((each) => each !== mode);
    const changed = other[pick(other.length)]!;
    return [withFile(p, (f) => f.set(name, { body, mode: changed })), `changed: ${name} (mode)`];
  },
  added: (pick, p) => {
    const name = `src/added${fresh(pick)}`;
    return [
      withFile(p, (f) => f.set(name, { body: name, mode: 0o644 })),
      `changed: ${name} (added)`,
    ];
  },
  removed: (pick, p) => {
    const name = chosen(pick, p);
    return [withFile(p, (f) => f.delete(name)), `changed: ${name} (removed)`];
  },
  renamed: (pick, p) => {
    const name = chosen(pick, p);
    const to = `src/renamed${fresh(pick)}`;
    const moved = withFile(p, (f) => {
      f.set(to, f.get(name)!);
      f.delete(name);
    });
    return [moved, `changed: ${name} -> ${to} (renamed)`];
  },
  ARG: (pick, p) => {
    const arg = fresh(pick);
    return [{ ...p, arg }, `changed: ARG V (${p.arg} -> ${arg})`];
  },
  ENV: (pick, p) => {
    const env = fresh(pick);
    return [{ ...p, env }, `changed: ENV E (${p.env} -> ${env})`];
  },
  base: (pick, p) => {
    const base = (p.base + 1 + pick(BASES - 1)) % BASES;
    return [
      { ...p, base },
      `input changed: [1/4] FROM docker.io/library/base-${String(base)}:latest`,
    ];
  },
  user: (pick, p) => {
    const user = String(2 + pick(1e6));
    return [{ ...p, user }, `changed: user (${p.user} -> ${user})`];
  },
  workdir: (pick, p) => {
    const workdir = `/w${fresh(pick)}`;
    return [{ ...p, workdir }, `changed: path (${p.workdir} -> ${workdir})`];
  },
  text: (pick, p) => {
    const text = `true ${fresh(pick)}`;
    return [
      { ...p, text },
      `changed: instruction text (/bin/sh -c ${p.text} -> /bin/sh -c ${text})`,
    ];
  },
  'size of a mount': (pick, p) => {
    const size = 65536 + pick(1e6);
    const shown = (bytes: number): string => `tmpfs rw size=${String(bytes)}`;
    return [{ ...p, size }, `changed: --mount ${p.tmpfs} (${shown(p.size)} -> ${shown(size)})`];
  },
  'target of a mount': (pick, p) => {
    const tmpfs = `/t${fresh(pick)}`;
    return [{ ...p, tmpfs }, `changed: --mount ${tmpfs} (added) and 1 more`];
  },
  'access of a mount': (_pick, p) => {
    const cache = p.cache === 'ro' ? 'rw' : 'ro';
    return [{ ...p, cache }, `changed: --mount /c (cache ${p.cache} -> cache ${cache})`];
  },
  platform: (pick, p) => {
    const others = VARIANTS.map((variant) => ARCHITECTURE + variant).filter(
      (each) => each !== p.platform,
    );
    const platform = others[pick(others.length)]!;
    return [{ ...p, platform }, `changed: platform (${p.platform} -> ${platform})`];
  },
};

function put(p: Project, at: string): void {
  rmSync(at, { recursive: true, force: true });
  mkdirSync(join(at, 'src'), { recursive: true });
  for (const [name, { body, mode }] of p.files) {
    writeFileSync(join(at, name), body);
    chmodSync(join(at, name), mode);
  }
  const mounts = [
    `--mount=type=tmpfs,target=${p.tmpfs},size=${String(p.size)}`,
    `--mount=type=cache,target=/c,${p.cache}`,
  ];
  const lines = [
    `FROM base-${String(p.base)}`,
    'COPY src /src',
    `WORKDIR ${p.workdir}`,
    `USER ${p.user}`,
    `ENV E=${p.env}`,
    'ARG V',
    `RUN ${mounts.join(' ')} ${p.text}`,
  ];
  writeFileSync(join(at, 'Dockerfile'), `${lines.join('\n')}\n`);
}

/** What a build of the project says of the steps that ran. */
function reasons(p: Project, at: string, world: StaveWorld): string[] {
  const args = [`--build-arg=V=${p.arg}`, `--platform=${p.platform}`];
  const { stderr } = world.ok('build', '--progress=plain', ...args, at);
  return [...stderr.matchAll(/^#\d+ why: (.*)$/gm)].map(([, why = '']) => why);
}

/** Whoever finds these where something was changed has not found what. */
const VAGUE = /never built|evicted|unknown/;

/**
 * Changes one thing at a time, each kind at least once if there are as many rounds, and asserts that the first step that
 * runs names it, that no other is vague, and that nothing runs where nothing was changed. Gives how often each kind was.
 */
export function assertChangesNamed(
  world: StaveWorld,
  rounds: number,
  seed: number,
): ReadonlyMap<string, number> {
  const at = join(world.dir, 'mutated');
  makeBases(world);
  const pick = random(seed);
  const kinds = Object.keys(MUTATIONS);
  const counts = new Map<string, number>();
  let project = START;
  put(project, at);
  reasons(project, at, world);
  const seen = new Set([spelled(project), copied(project)]);
  // What was built before is cached, rightly, and a later step is the first that runs.
  const isKnown = (changed: Project): boolean =>
    seen.has(spelled(changed)) ||
    (copied(changed) !== copied(project) && seen.has(copied(changed))) ||
    changed.files.size < 2;
  for (let round = 0; round < rounds; round++) {
    let kind = kinds[round < kinds.length ? round : pick(kinds.length)]!;
    let [changed, why] = MUTATIONS[kind]!(pick, project);
    while (isKnown(changed)) {
      kind = kinds[pick(kinds.length)]!;
      [changed, why] = MUTATIONS[kind]!(pick, project);
    }
    project = changed;
    seen.add(spelled(project)).add(copied(project));
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    put(project, at);
    const told = reasons(project, at, world);
    const place = `round ${String(round)} of seed ${String(seed)}, ${kind}`;
    assert.equal(told[0], why, place);
    assert.deepEqual(
      told.filter((each) => VAGUE.test(each)),
      [],
      place,
    );
    if (round % 10 === 9) assert.deepEqual(reasons(project, at, world), [], place);
  }
  return counts;
}

function spelled(p: Project): string {
  return JSON.stringify({ ...p, files: [...p.files].sort() });
}

/** What COPY reads. */
function copied({ base, files }: Project): string {
  return JSON.stringify([base, [...files].sort()]);
}

function makeBases(world: StaveWorld): void {
  world.ok('build', '-q', '-t', 'base-0', busyboxContext(world.dir));
  const at = join(world.dir, 'bases');
  mkdirSync(at);
  for (let i = 1; i < BASES; i++) {
    writeFileSync(join(at, 'Dockerfile'), `FROM base-0\nRUN echo ${String(i)} > /base\n`);
    world.ok('build', '-q', '-t', `base-${String(i)}`, at);
  }
}
