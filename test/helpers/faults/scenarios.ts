import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxContext } from '../busybox.js';
import { imageIdIn } from './look-inside.js';
import { run } from './run.js';

/** A store of its own, and what is around it. */
export interface Bench {
  readonly dir: string;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** `127.0.0.1:PORT` of a registry that has `app:v1`. */
  readonly registry: string;
}

/** A command under faults: what is there before, and what must be there after. */
export interface Scenario {
  readonly name: string;
  /** Command lines that make the store as it is before, in order. */
  readonly before: (bench: Bench) => readonly (readonly string[])[];
  readonly command: (bench: Bench) => readonly string[];
  /** What the command made, as text that is the same whenever it went well. */
  readonly outcome: (bench: Bench) => Promise<string>;
}

const REFERENCE = `FROM bb AS make
COPY file /src/file
RUN mkdir /out && cp /src/file /out/made && echo made >> /out/made
FROM bb
WORKDIR /app
COPY --from=make /out/made /app/made
RUN --mount=type=cache,target=/c echo c > /c/c && ln -s made /app/link
`;

/** As busybox without its hundreds of links: each call that makes or removes one is like the others. */
const FEW_LINKS = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox","sh","-c","cd /bin && for each in cat cp ln ls mkdir readlink sh wc; do ./busybox ln -s busybox $each; done"]
CMD ["sh"]
`;

/** Contexts `bb` (busybox) and `ref` in `dir`: FROM, COPY, RUN, two stages, a cache mount. */
export function writeContexts(dir: string, links: 'all' | 'few' = 'all'): void {
  busyboxContext(dir, links === 'few' ? FEW_LINKS : undefined);
  mkdirSync(join(dir, 'ref'));
  writeFileSync(join(dir, 'ref/file'), 'file\n');
  writeFileSync(join(dir, 'ref/Dockerfile'), REFERENCE);
}

const base = ({ dir }: Bench): readonly string[] => ['build', '-q', '-t', 'bb', contextOfBase(dir)];
const reference = ({ dir }: Bench): readonly string[] => [
  'build',
  '-q',
  '-t',
  'ref',
  join(dir, 'ref'),
];
const contextOfBase = (dir: string): string => join(dir, 'busybox-context');

const asked = async (bench: Bench, ...args: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await run('bin/stave', args, bench.env);
  return status === 0 ? stdout : `${String(status)}: ${stderr}`;
};
const idOf = (name: string) => (bench: Bench) => Promise.resolve(imageIdIn(bench.root, name));
const sumOf = (file: (bench: Bench) => string) => (bench: Bench) =>
  Promise.resolve(
    existsSync(file(bench))
      ? createHash('sha256')
          .update(readFileSync(file(bench)))
          .digest('hex')
      : 'absent',
  );
/** How many trees and blobs there are: sizes of directories differ. */
const kept = ({ root }: Bench): string =>
  ['trees', 'blobs/sha256'].map((name) => readdirSync(join(root, name)).length).join(' ');
const target = ({ dir }: Bench): string => join(dir, 'out.tar');
/** Names and one content: its files are of the time they were written at. */
const listOf = async (bench: Bench): Promise<string> => {
  const script = 'tar -tf "$1" | sort | sha256sum && tar -xOf "$1" made';
  const { stdout, stderr } = await run('sh', ['-c', script, 'sh', target(bench)], bench.env);
  return stdout + stderr;
};
const container = [
  'create',
  '--name',
  'box',
  '--network=none',
  'bb',
  'sh',
  '-c',
  'echo made > /made',
];

export const SCENARIOS: readonly Scenario[] = [
  { name: 'build', before: (b) => [base(b)], command: reference, outcome: idOf('ref') },
  {
    name: 'pull',
    before: (b) => [base(b)],
    command: ({ registry }) => ['pull', '-q', `${registry}/app:v1`],
    outcome: (b) => idOf(`${b.registry}/app:v1`)(b),
  },
  {
    name: 'load',
    before: () => [['images']],
    command: ({ dir }) => ['load', '-q', '-i', join(dir, 'ref.tar')],
    outcome: idOf('ref'),
  },
  {
    name: 'prune',
    before: (b) => [base(b), reference(b), ['rmi', 'ref']],
    command: () => ['system', 'prune', '-a', '-f'],
    outcome: async (b) => `${await asked(b, 'images', '-aq')}${kept(b)}`,
  },
  {
    name: 'commit',
    before: (b) => [base(b), container, ['start', 'box'], ['wait', 'box']],
    command: () => ['commit', 'box', 'snap'],
    outcome: (b) => asked(b, 'run', '--rm', '--network=none', 'snap', 'cat', '/made'),
  },
  {
    name: 'export',
    before: (b) => [base(b), container, ['start', 'box'], ['wait', 'box']],
    command: (b) => ['export', '-o', target(b), 'box'],
    outcome: listOf,
  },
  {
    name: 'save',
    before: (b) => [base(b), reference(b)],
    command: (b) => ['save', '-o', target(b), 'ref'],
    outcome: sumOf(target),
  },
];

/** What a command writes outside the store. */
export function forget(bench: Bench): void {
  rmSync(target(bench), { force: true });
}
