import { skipFlags } from './flags.js';
import { type Heredoc, type HeredocWord, heredocWords, readHeredocs } from './heredoc.js';
import { Problem } from './problem.js';
import { BLANKS, isJsonForm } from './split.js';
import { trimEnd } from '../model/trim-end.js';

/** One instruction's logical line: continuations joined, comments inside left out. Lines count from 1. */
export interface LogicalLine {
  readonly text: string;
  readonly startLine: number;
  /** The last delimiter's line when here-documents follow. */
  readonly endLine: number;
  readonly heredocs: readonly Heredoc[];
  /** A here-document that does not end: the rest of the file is its. */
  readonly problem?: Problem;
}

/** Where instructions begin in some lines, as indices. */
export type Starts = (lines: readonly string[], escape: string) => Iterable<number>;

const FIRST_PIECE = 16;
const MAX_PIECE = 4096;

/**
 * The instructions' lines. `starts` is asked piece by piece, again after a here-document or where it continued a line
 * that BuildKit would not, so that the cost stays linear. A line that is neither blank nor a comment is never passed
 * over: it begins an instruction.
 */
export function* logicalLines(
  lines: readonly string[],
  escape: string,
  starts: Starts,
): Generator<LogicalLine> {
  let size = FIRST_PIECE;
  let next = meaningful(lines, 0);
  while (next < lines.length) {
    const from = next;
    const known = new Set([0, ...starts(lines.slice(from, from + size), escape)]);
    while (next < lines.length && known.has(next - from)) {
      const line = logicalLine(lines, next, escape);
      yield line;
      next = meaningful(lines, line.endLine);
    }
    size = next < from + size ? FIRST_PIECE : Math.min(size * 2, MAX_PIECE);
  }
}

/** The first line from an index that is neither blank nor a comment. */
function meaningful(lines: readonly string[], from: number): number {
  for (let at = from; at < lines.length; at++) if (!isSkipped(lines[at] ?? '')) return at;
  return lines.length;
}

function isSkipped(line: string): boolean {
  const text = line.trimStart();
  return text === '' || text.startsWith('#');
}

/** The instruction that begins at an index, with its here-documents. */
export function logicalLine(lines: readonly string[], from: number, escape: string): LogicalLine {
  const { text, next } = joinLines(lines, from, escape);
  const line = { text, startLine: from + 1 };
  const words = heredocsOf(text, escape);
  if (words.length === 0) return { ...line, endLine: next, heredocs: [] };
  try {
    const bodies = readHeredocs(words, lines, next);
    return { ...line, endLine: bodies.next, heredocs: bodies.heredocs };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return { ...line, endLine: lines.length, heredocs: [], problem };
  }
}

/**
 * Joins physical lines as BuildKit does: an escape at the end of a line, blanks after it allowed, continues it; a
 * doubled one does not; comments and blank lines inside are skipped; leading blanks of the following lines are kept.
 */
function joinLines(
  lines: readonly string[],
  from: number,
  escape: string,
): { text: string; next: number } {
  const parts: string[] = [];
  let next = from;
  for (let at = from; at < lines.length; at++) {
    const physical = trimEnd(lines[at] ?? '', '\r');
    if (at > from && isSkipped(physical)) continue;
    next = at + 1;
    const part = at === from ? physical.trimStart() : physical;
    const cut = continuation(part, escape);
    parts.push(cut === undefined ? part : part.slice(0, cut));
    if (cut === undefined) break;
  }
  return { text: parts.join('').trim(), next };
}

/** Index of the escape that continues the line, or undefined. */
function continuation(line: string, escape: string): number | undefined {
  let end = line.length;
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end--;
  if (line[end - 1] !== escape || line[end - 2] === escape) return undefined;
  return end - 1;
}

/** RUN, COPY and ADD may begin here-documents, also as an ONBUILD trigger; never in JSON form. */
function heredocsOf(text: string, escape: string): HeredocWord[] {
  if (!text.includes('<<')) return [];
  const onbuild = /^ONBUILD[\t\v\f\r ]+/i.exec(text)?.[0] ?? '';
  const line = text.slice(onbuild.length);
  const [keyword = ''] = line.split(BLANKS, 1);
  if (!['RUN', 'COPY', 'ADD'].includes(keyword.toUpperCase())) return [];
  if (isJsonForm(skipFlags(line.slice(keyword.length), escape))) return [];
  return heredocWords(line);
}
