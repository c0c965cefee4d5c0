import { compileIgnore, compileWildcard } from '../../src/executor/match.js';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import { parseDuration } from '../../src/parser/duration.js';
import { heredocWord, heredocWords, shellWords } from '../../src/parser/heredoc.js';
import { lower } from '../../src/parser/lower.js';
import { parseDockerfile } from '../../src/parser/parse.js';
import { exposedPorts } from '../../src/parser/ports.js';
import { Problem } from '../../src/parser/problem.js';
import { isJsonForm, quotedWords } from '../../src/parser/split.js';
import { expandText, expandTitle, expandWord, expandWords } from '../../src/parser/words.js';
import { redactUrls } from '../../src/model/redact-urls.js';

/** Something that reads any text. It may refuse it as `refuses` allows, but not fail or take long. */
export interface Target {
  readonly name: string;
  readonly corpus: 'dockerfiles' | 'lines' | 'patterns';
  readonly run: (text: string) => unknown;
}

export const TARGETS: readonly Target[] = [
  { name: 'dockerfile', corpus: 'dockerfiles', run: parseAndLower },
  {
    name: 'lines',
    corpus: 'lines',
    run: (text) => parseAndLower(`FROM base AS x\n${text}\nFROM x\nRUN y`),
  },
  { name: 'expansion', corpus: 'lines', run: expansions },
  { name: 'heredoc', corpus: 'lines', run: heredocs },
  { name: 'scalars', corpus: 'lines', run: scalars },
  { name: 'ignore', corpus: 'patterns', run: ignores },
  { name: 'wildcard', corpus: 'patterns', run: wildcards },
];

/** What a person's mistake may throw. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Problem || error instanceof BuildError || error instanceof SyntaxError;
}

async function parseAndLower(text: string): Promise<void> {
  const dockerfile = parseDockerfile(text, 'Dockerfile');
  const [trigger] = text.split('\n');
  await lower(dockerfile, {
    buildArgs: { A: '1', B: text.slice(0, 50) },
    labels: {},
    platform: { os: 'linux', architecture: 'amd64' },
    network: 'default',
    noCache: false,
    place: 'Dockerfile',
    lint: { warn: () => undefined, allStages: true },
    resolveImage: (reference) =>
      Promise.resolve({
        reference,
        manifest: digestOf(reference),
        layers: [],
        config: {
          architecture: 'amd64',
          os: 'linux',
          config: { Env: ['A=1', 'odd'], OnBuild: reference === 'base' ? [trigger ?? ''] : [] },
          rootfs: { type: 'layers', diff_ids: [] },
          history: [],
        },
      }),
  });
}

/** The first line is the variables' value. */
function expansions(text: string): void {
  const cut = text.indexOf('\n');
  const value = text.slice(0, Math.max(0, cut));
  const lookup = (name: string): string | undefined => (name === 'D' ? undefined : value);
  for (const escape of ['\\', '`']) {
    for (const expand of [expandWord, expandWords, expandText, expandTitle]) {
      refusing(() => expand(text.slice(cut + 1), lookup, escape));
    }
  }
}

function heredocs(text: string): void {
  shellWords(text);
  heredocWord(text);
  heredocWords(text);
}

function scalars(text: string): void {
  refusing(() => parseDuration(text, 'interval'));
  refusing(() => exposedPorts(text.split(' ')));
  isJsonForm(text);
  quotedWords(text, '\\');
  redactUrls(text);
}

/** The last line is the path. */
function ignores(text: string): void {
  const cut = text.lastIndexOf('\n');
  const rules = compileIgnore(text.slice(0, Math.max(0, cut)), '.dockerignore');
  const path = text.slice(cut + 1, cut + 400).replaceAll(/^\/+|\/+$/g, '');
  rules.verdict(path);
  rules.prunes(path);
}

function wildcards(text: string): void {
  const [pattern = '', path = ''] = text.split('\n');
  compileWildcard(pattern)(path.slice(0, 400));
}

function refusing(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}
