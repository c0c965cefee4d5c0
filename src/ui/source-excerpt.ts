import type { SourceRange } from '../model/error.js';
import { redactUrls } from '../model/redact-urls.js';

const AROUND = 2;
/** A longer line is cut: it would push the error off the screen. */
const WIDEST = 400;

/** The lines of a range with two around them, the range marked, as docker prints them. */
export function sourceExcerpt(lines: readonly string[], range: SourceRange): string[] {
  const from = Math.max(1, range.startLine - AROUND);
  const to = Math.min(lines.length, range.endLine + AROUND);
  const width = String(to).length;
  const shown: string[] = [];
  for (let number = from; number <= to; number++) {
    const line = cut(redactUrls((lines[number - 1] ?? '').replace(/\r$/, '')));
    // The empty text after the last newline is no line.
    if (number === lines.length && line === '') continue;
    const inside = number >= range.startLine && number <= range.endLine;
    shown.push(`  ${String(number).padStart(width)} | ${inside ? '>>>' : '   '} ${line}`.trimEnd());
  }
  if (shown.length === 0) return [];
  return ['--------------------', ...shown, '--------------------'];
}

function cut(line: string): string {
  return line.length > WIDEST ? `${line.slice(0, WIDEST)}...` : line;
}
