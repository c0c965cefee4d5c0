import type { SourceRange } from '../../model/error.js';
import { trimEnd } from '../../model/trim-end.js';

/** The physical lines of an instruction up to its here-documents, and whether a blank one is among them. */
export interface Head {
  /** As written, before a continuation. */
  readonly first: string;
  readonly endLine: number;
  readonly hasBlank: boolean;
}

export function headOf(lines: readonly string[], range: SourceRange, escape: string): Head {
  let line = range.startLine;
  let hasBlank = false;
  let more = continues(lines[line - 1] ?? '', escape);
  while (more && line < lines.length) {
    line++;
    const text = (lines[line - 1] ?? '').trim();
    if (text.startsWith('#')) continue;
    // The empty text after the last newline is no line.
    if (text === '') hasBlank ||= line < lines.length;
    else more = continues(text, escape);
  }
  return { first: (lines[range.startLine - 1] ?? '').trim(), endLine: line, hasBlank };
}

function continues(line: string, escape: string): boolean {
  const text = trimEnd(line, ' \t\r');
  return text.endsWith(escape) && !text.endsWith(escape + escape);
}
