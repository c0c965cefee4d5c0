import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../fuzz/random.js';

/** A project that is edited between builds; what is not in files is on the command line. */
export interface Project {
  readonly dir: string;
  arg: string;
}

const PROJECT = (env: string): string => `FROM bb AS run
ARG A
ENV E=${env}
RUN --mount=type=bind,source=bound,target=/b cp -a /b /out && echo "$A $E" > /out/vars
FROM scratch AS files
COPY src /src
FROM scratch
COPY --from=run /out /out
COPY --from=files /src /copied
COPY src/*.txt bound/one /some/
COPY . /all
`;
const NAMES = ['one', 'two.txt', 'three.txt', 'four', 'five.txt', 'sub/six', 'sub/seven.txt'];

export function writeProject(dir: string): Project {
  for (const part of ['src', 'bound']) {
    mkdirSync(join(dir, part, 'sub'), { recursive: true });
    for (const name of NAMES) writeFileSync(join(dir, part, name), `${part} ${name}\n`);
  }
  symlinkSync('one', join(dir, 'src/link'));
  writeFileSync(join(dir, 'Dockerfile'), PROJECT('0'));
  return { dir, arg: '0' };
}

type Edit = (project: Project, random: Random) => void;

const EDITS: Readonly<Record<string, Edit>> = {
  'same size': (project, random) => {
    sameSize(fileIn(project, random), random);
  },
  'same size, times put back': (project, random) => {
    const file = fileIn(project, random);
    const { atimeMs, mtimeMs } = lstatSync(file);
    sameSize(file, random);
    utimesSync(file, atimeMs / 1000, mtimeMs / 1000);
  },
  'same size, by another file of the same times': (project, random) => {
    const file = fileIn(project, random);
    const { mode, atimeMs, mtimeMs, size } = lstatSync(file);
    writeFileSync(`${file}.new`, Buffer.alloc(size, 97 + random.int(26)), { mode });
    utimesSync(`${file}.new`, atimeMs / 1000, mtimeMs / 1000);
    renameSync(`${file}.new`, file);
  },
  longer: (project, random) => {
    writeFileSync(fileIn(project, random), `${String(random.int(1000))}\n`, { flag: 'a' });
  },
  'times set back': (project, random) => {
    utimesSync(fileIn(project, random), 1, 1);
  },
  'two swapped': (project, random) => {
    const [one, two] = [fileIn(project, random), fileIn(project, random)];
    if (one === two) return;
    renameSync(one, `${one}.swap`);
    renameSync(two, one);
    renameSync(`${one}.swap`, two);
  },
  mode: (project, random) => {
    const file = fileIn(project, random);
    chmodSync(file, lstatSync(file).mode ^ 0o111);
  },
  'a directory’s mode': ({ dir }, random) => {
    const path = join(dir, random.pick(['src/sub', 'bound/sub', 'bound']));
    if (existsSync(path) && lstatSync(path).isDirectory())
      chmodSync(path, random.pick([0o700, 0o755, 0o711]));
  },
  'a link led elsewhere': ({ dir }, random) => {
    const link = join(dir, 'src/link');
    rmSync(link, { recursive: true, force: true });
    symlinkSync(random.pick(NAMES), link);
  },
  'a second name': (project, random) => {
    const file = fileIn(project, random);
    rmSync(`${file}.hard`, { force: true });
    linkSync(file, `${file}.hard`);
  },
  'a copy for a second name': (project, random) => {
    const file = fileIn(project, random);
    const bytes = readFileSync(file);
    unlinkSync(file);
    writeFileSync(file, bytes);
  },
  added: ({ dir }, random) => {
    const part = random.pick(['src', 'bound', 'src/new', 'new']);
    mkdirSync(join(dir, part), { recursive: true });
    const name = `new${String(random.int(9))}${random.pick(['', '.txt'])}`;
    writeFileSync(join(dir, part, name), name);
  },
  removed: (project, random) => {
    const files = filesBelow(project.dir);
    if (files.length > 8) removeUnlessNeeded(project, random.pick(files));
  },
  renamed: (project, random) => {
    const file = fileIn(project, random);
    if (!file.endsWith('bound/one')) renameSync(file, `${file}${random.pick(['.txt', 'x'])}`);
  },
  'a directory for a file': (project, random) => {
    const file = fileIn(project, random);
    if (file.endsWith('bound/one')) return;
    unlinkSync(file);
    mkdirSync(file);
    writeFileSync(join(file, 'inside'), 'inside');
  },
  '.dockerignore': ({ dir }, random) => {
    const lines = ['**/*.hard', 'src/sub', '!src/sub/six', 'bound/t*', 'new', '*.md', '**/new1*'];
    const chosen = lines.filter(() => random.chance(40));
    writeFileSync(join(dir, '.dockerignore'), `${chosen.join('\n')}\n`);
  },
  ARG: (project, random) => {
    project.arg = String(random.int(3));
  },
  ENV: ({ dir }, random) => {
    writeFileSync(join(dir, 'Dockerfile'), PROJECT(String(random.int(3))));
  },
  nothing: () => undefined,
};

/** One edit, and what it was. */
export function edit(project: Project, random: Random): string {
  const name = random.pick(Object.keys(EDITS));
  EDITS[name]?.(project, random);
  // The wildcard must find something.
  const kept = join(project.dir, 'src/always.txt');
  if (!existsSync(kept)) writeFileSync(kept, 'always\n');
  return name;
}

/** In place, so that neither inode nor size tells. */
function sameSize(file: string, random: Random): void {
  const { size } = lstatSync(file);
  const fd = openSync(file, 'r+');
  writeSync(fd, String(random.int(10)), random.int(Math.max(1, size - 1)));
  closeSync(fd);
}

function removeUnlessNeeded({ dir }: Project, file: string): void {
  if (file !== join(dir, 'bound/one')) unlinkSync(file);
}

function fileIn({ dir }: Project, random: Random): string {
  return random.pick(filesBelow(dir));
}

function filesBelow(dir: string): string[] {
  return ['src', 'bound'].flatMap((part) => {
    const at = join(dir, part);
    return readdirSync(at, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  });
}
