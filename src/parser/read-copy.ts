import { refuseRemote } from './add-sources.js';
import { type Heredoc, heredocWord, shellWords } from './heredoc.js';
import type { Flags } from './flags.js';
import type { CopyBody, InstructionBody } from './instruction.js';
import { Problem } from './problem.js';
import type { Source } from './source-text.js';
import { plainWords } from './split.js';

const KEEP = 'keep-git-dir';

export function readCopy(source: Source): InstructionBody {
  const { keyword, flags, heredocs } = source;
  const words = wordsOf(source);
  const dest = words[words.length - 1];
  if (dest === undefined || words.length < 2) {
    throw new Problem(
      `${keyword} requires at least two arguments, but only ${String(words.length)} ${words.length === 1 ? 'was' : 'were'} provided. Destination could not be determined`,
    );
  }
  if (heredocs.length > 0 && heredocWord(dest) !== undefined)
    throw new Problem(`${keyword} cannot accept a heredoc as a destination`);
  for (const heredoc of heredocs) checkFileName(heredoc, keyword);
  const sources = words
    .slice(0, -1)
    .filter((word) => heredocs.length === 0 || heredocWord(word) === undefined);
  if (keyword === 'COPY') for (const source of sources) refuseRemote(source);
  if (flags.used.includes('from') && flags.text('from')?.includes('$') === true) {
    throw new Problem('variable expansion is not supported for --from', {
      hint: 'define a new stage with FROM using ARG from global scope',
    });
  }
  return {
    kind: 'copy',
    instruction: keyword === 'ADD' ? 'ADD' : 'COPY',
    sources,
    heredocs,
    dest,
    ...flagValues(flags),
  };
}

function flagValues(flags: Flags): Partial<CopyBody> {
  const kinds: Readonly<Record<string, 'text' | 'bool' | 'list'>> = {
    link: 'bool',
    parents: 'bool',
    unpack: 'bool',
    exclude: 'list',
    [KEEP]: 'bool',
  };
  return Object.fromEntries(
    flags.used.map((name) => [
      name === KEEP ? 'keepGitDir' : name,
      flags[kinds[name] ?? 'text'](name),
    ]),
  );
}

/** Where here-documents are, blanks in quotes and after `<<` do not split. */
function wordsOf({ text, heredocs }: Source): string[] {
  return heredocs.length === 0 ? plainWords(text) : (shellWords(text) ?? []);
}

/** A here-document becomes a file of this name in the destination. */
function checkFileName({ name }: Heredoc, keyword: string): void {
  if (!name.includes('/') && name !== '.' && name !== '..') return;
  throw new Problem(
    `${keyword} cannot name a file ${JSON.stringify(name)} after its here-document`,
    {
      hint: 'use a delimiter without /, and give the path as the destination',
    },
  );
}
