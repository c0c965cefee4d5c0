import type { Flags } from './flags.js';
import type { Heredoc } from './heredoc.js';
import { Problem } from './problem.js';

/** What an instruction's reader gets: the text after the keyword and its flags. */
export interface Source {
  readonly keyword: string;
  readonly text: string;
  readonly flags: Flags;
  readonly heredocs: readonly Heredoc[];
  readonly escape: string;
}

/** The one argument, the whole text. */
export function single({ keyword, text }: Source): string {
  if (text === '') throw new Problem(`${keyword} requires exactly one argument`);
  return text;
}

/** At least one word. */
export function some({ keyword }: Source, words: readonly string[]): readonly string[] {
  const given = words.filter((word) => word !== '');
  if (given.length === 0) throw new Problem(`${keyword} requires at least one argument`);
  return given;
}
