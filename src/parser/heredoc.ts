import { Problem } from './problem.js';
import { trimEnd } from '../model/trim-end.js';

/** A here-document's beginning, as it stands on the instruction's line. */
export interface HeredocWord {
  /** The delimiter, and the name of the file. */
  readonly name: string;
  /** False when a part of the delimiter stood in quotes. */
  readonly expand: boolean;
  /** `<<-`: leading tabs of the lines go. */
  readonly chomp: boolean;
  readonly descriptor: number;
}

/** With its body: the lines up to the delimiter, as they stand. */
export interface Heredoc extends HeredocWord {
  readonly content: string;
}

/** The language's shell words know no other escape, whatever the directive says (BuildKit's parser). */
const ESCAPE = '\\';

/**
 * The words of a line as a shell splits them, quotes and escapes kept; blanks after `<<` do not split. Undefined when
 * a quote is not closed.
 */
export function shellWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word = '';
  for (let at = 0; at < line.length;) {
    const char = line[at] ?? '';
    if (/\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
      at++;
      continue;
    }
    const end = pieceEnd(line, at);
    if (end === undefined) return undefined;
    word += line.slice(at, end);
    at = end;
  }
  return word === '' ? words : [...words, word];
}

/** End of one character, escaped character, quoted run or `<<` with its blanks. */
function pieceEnd(line: string, at: number): number | undefined {
  const char = line[at] ?? '';
  if (char === ESCAPE) return Math.min(at + 2, line.length);
  if (char === "'") return after(line.indexOf("'", at + 1));
  if (char === '"') return doubleQuoteEnd(line, at + 1);
  if (!line.startsWith('<<', at)) return at + 1;
  let end = at + 2;
  while (/[ \t\r]/.test(line[end] ?? '')) end++;
  return end;
}

function after(index: number): number | undefined {
  return index === -1 ? undefined : index + 1;
}

function doubleQuoteEnd(line: string, from: number): number | undefined {
  for (let at = from; at < line.length; at++) {
    if (line[at] === '"') return at + 1;
    if (line[at] === ESCAPE) at++;
  }
  return undefined;
}

/** `[fd]<<[-]WORD`, all of `text`; undefined for anything else. */
export function heredocWord(text: string): HeredocWord | undefined {
  const [, descriptor = '', dash = '', rest = ''] = /^(\d*)<<(-?)\s*([^<]*)$/.exec(text) ?? [];
  const words = shellWords(rest);
  if (words?.length !== 1) return undefined;
  const { name, quoted } = unquoted(words[0] ?? '');
  if (name === '') return undefined;
  return { name, expand: !quoted, chomp: dash === '-', descriptor: Number(descriptor) };
}

function unquoted(word: string): { name: string; quoted: boolean } {
  let name = '';
  let quoted = false;
  for (let at = 0; at < word.length;) {
    const end = pieceEnd(word, at) ?? word.length;
    const piece = word.slice(at, end);
    if (piece.startsWith("'")) name += piece.slice(1, -1);
    else if (piece.startsWith('"')) name += piece.slice(1, -1).replace(/\\(["$\\])/g, '$1');
    else name += piece.startsWith(ESCAPE) ? piece.slice(1) : piece;
    quoted ||= /^["']/.test(piece);
    at = end;
  }
  return { name, quoted };
}

/** The here-documents a line begins, in order. */
export function heredocWords(line: string): HeredocWord[] {
  if (!line.includes('<<')) return [];
  return (shellWords(line) ?? []).map(heredocWord).filter((found) => found !== undefined);
}

/** What the lines become: with `<<-` without their leading tabs. */
export function heredocBody({ chomp, content }: Heredoc): string {
  return chomp ? content.replace(/^\t+/gm, '') : content;
}

/**
 * Reads the bodies that begin at the line `from` (an index). Gives the index of the line after the last delimiter.
 * Throws Problem when one does not end.
 */
export function readHeredocs(
  words: readonly HeredocWord[],
  lines: readonly string[],
  from: number,
): { heredocs: Heredoc[]; next: number } {
  let next = from;
  const heredocs = words.map((word): Heredoc => {
    const end = delimiterLine(word, lines, next);
    if (end === undefined) throw unterminated(word, lines, next);
    const content = lines.slice(next, end).map((line) => `${line}\n`);
    next = end + 1;
    return { ...word, content: content.join('') };
  });
  return { heredocs, next };
}

function delimiterLine(
  { name, chomp }: HeredocWord,
  lines: readonly string[],
  from: number,
): number | undefined {
  for (let at = from; at < lines.length; at++) {
    const line = trimEnd(lines[at] ?? '', '\r');
    if ((chomp ? line.replace(/^\t+/, '') : line) === name) return at;
  }
  return undefined;
}

function unterminated({ name }: HeredocWord, lines: readonly string[], from: number): Problem {
  const rest = lines.slice(from);
  const near = rest.findIndex((line) => line.trim() === name);
  const text = `unterminated heredoc: no line ${JSON.stringify(name)} ends it`;
  if (near !== -1) {
    const place = `line ${String(from + near + 1)} has blanks beside ${name}`;
    return new Problem(text, { hint: `${place}: the delimiter must stand alone` });
  }
  const cut = /^([^|&;()>]+)[|&;()>]/.exec(name)?.[1];
  if (cut !== undefined && rest.some((line) => line.trim() === cut)) {
    return new Problem(text, { hint: `put a blank after <<${cut}` });
  }
  return new Problem(text, { hint: `write ${name} alone on the line after the last` });
}
