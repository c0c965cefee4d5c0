/** One instruction's logical line: continuations joined, comments inside left out. Lines count from 1. */
export interface LogicalLine {
  readonly text: string;
  readonly startLine: number;
  readonly endLine: number;
}

/**
 * Joins the physical lines `from` to `to` (indices) as BuildKit does: an escape at the end of a line, blanks after it
 * allowed, continues it; a doubled one does not; comments and blank lines inside are skipped; leading blanks of the
 * following lines are kept. Ends before `to` where BuildKit would.
 */
export function joinLines(
  lines: readonly string[],
  from: number,
  to: number,
  escape: string,
): LogicalLine {
  let text = '';
  let line = from;
  let last = from;
  for (; line <= to; line++) {
    const physical = (lines[line] ?? '').replace(/\r$/, '');
    if (line > from && (physical.trim() === '' || physical.trimStart().startsWith('#'))) continue;
    last = line;
    const part = line === from ? physical.trimStart() : physical;
    const cut = continuation(part, escape);
    text += cut === undefined ? part : part.slice(0, cut);
    if (cut === undefined) break;
  }
  return { text: text.trim(), startLine: from + 1, endLine: last + 1 };
}

/** Index of the escape that continues the line, or undefined. */
function continuation(line: string, escape: string): number | undefined {
  const trimmed = line.replace(/[ \t]+$/, '');
  if (!trimmed.endsWith(escape) || trimmed.endsWith(escape + escape)) return undefined;
  return trimmed.length - 1;
}
