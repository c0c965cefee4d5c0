import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from './targets.js';

const FOLDERS = ['fixtures', 'fixtures/language', 'fixtures/features', 'fixtures/errors'];

const LINES = [
  '/usr/local/bin\n${A:-x}${A#*/}${A##*/}${A%/*}${A%%/*}${A//\\//:}${A/b?n/$B}',
  'one two\n"${A:+"$B"}" \'$A\' \\$A $D ${D:?no D} ${@:-x}',
  'RUN cat <<-"E" 3<<F | sed s/a/b/\n\ta\n\tE\nb\nF',
  'COPY --chown=a:b --from=x <<A b /c/\n$A\nA',
  'RUN --mount=type=cache,target=/c --network=none ["a", "b"]',
  'ENV a=1 b="2 $A" c=\'3\'\nLABEL d e f\nARG g h=$a',
  'HEALTHCHECK --interval=1m30s --retries=3 CMD curl x',
  'EXPOSE 80 8000-8010/udp 0.0.0.0:1:2\nVOLUME ["/a", "/b"]',
  'ONBUILD RUN <<E\nx\nE\nONBUILD COPY --from=x a b',
];
const PATTERNS = [
  '*.md\n!README.md\n**/node_modules\n/build/\ndocs/**/*.t?t\na/b/c.txt',
  '[a-z]*.{js,ts}\n\\*\n[^x]y\n**\n!**/keep\nsrc/keep',
  '*/**/a*b*c?\nx/y/aabbcc1',
  '# comment\n ./x/../y \n!\ny',
];

/** What mutations start from: the fixtures' Dockerfiles and ignore files, and lines for the small languages. */
export function readCorpus(): Readonly<Record<Target['corpus'], readonly string[]>> {
  const dirs = FOLDERS.flatMap((folder) =>
    readdirSync(folder).flatMap((name) => [join(folder, name), join(folder, name, 'context')]),
  );
  const read = (name: string): string[] =>
    dirs
      .map((dir) => join(dir, name))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8'));
  const dockerfiles = read('Dockerfile');
  const lines = dockerfiles.flatMap((text) => text.split('\n')).filter((line) => line.length > 3);
  return {
    dockerfiles,
    lines: [...LINES, ...lines],
    patterns: [...PATTERNS, ...read('.dockerignore')],
  };
}
