import { type Heredoc, heredocBody, heredocWord } from './heredoc.js';

/** An executable file that a RUN step finds below /dev/pipes. */
export interface ScriptFile {
  readonly name: string;
  readonly content: string;
}

/** What the shell gets of a RUN with here-documents. */
export interface RunScript {
  readonly text: string;
  readonly file?: ScriptFile;
}

/**
 * A single here-document alone on its line is the script, or, when it begins with `#!`, an executable file to run;
 * anything else is put together again for the shell to read.
 */
export function runScript(text: string, heredocs: readonly Heredoc[]): RunScript {
  const [first] = heredocs;
  if (first === undefined) return { text };
  if (heredocWord(text) === undefined) {
    const bodies = heredocs.map(({ content, name }) => `\n${content}${name}`);
    return { text: text + bodies.join('') };
  }
  const content = heredocBody(first);
  if (!content.startsWith('#!')) return { text: content };
  // The name is ours to choose where the shell could not take the delimiter as a word.
  const name = /^[\w.-]*\w$/.test(first.name) ? first.name : 'script';
  return { text: `/dev/pipes/${name}`, file: { name, content } };
}

/** What a step's title adds: the first line of the body. */
export function scriptSummary(text: string, heredocs: readonly Heredoc[]): string {
  const [first] = heredocs;
  if (first === undefined || heredocWord(text) === undefined) return '';
  const [line = '', ...more] = first.content.trim().split(/\r?\n/);
  return ` (${line}${more.length > 0 ? '...' : ''})`;
}
