import type { WarningEvent } from '../model/events.js';
import { columnsOf, cut, withoutTabs } from './columns.js';
import { oneLine } from './escape.js';

/** More than so many warnings, or lines of one, are named without their source. */
const [MOST_WITH_SOURCE, MOST_LINES] = [10, 3];

/** docker's closing block: ` 2 warnings found`, one item each, its lines of the source under it; blank lines around. */
export function warningLines(warnings: readonly WarningEvent[], width = Infinity): string[] {
  if (warnings.length === 0) return [];
  const count = warnings.length === 1 ? '1 warning' : `${String(warnings.length)} warnings`;
  const hint = warnings.some(({ url }) => url !== undefined) ? ' (use --check to expand)' : '';
  const withSource = warnings.length <= MOST_WITH_SOURCE;
  return [
    '',
    ...wrapped(` ${count} found${hint}:`, width, '   '),
    ...warnings.flatMap((warning, i) => {
      const item = [
        ...wrapped(` - ${plain(warning.message)}`, width, '   '),
        ...hintOf(warning).flatMap((line) => wrapped(`   ${plain(line)}`, width, '   ')),
      ];
      // Of several about the same lines, the last shows them.
      const shows = withSource && !samePlace(warning, warnings[i + 1]);
      return shows ? [...item, ...sourceLines(warning).map((line) => cut(line, width))] : item;
    }),
    '',
  ];
}

/** In the form that an error's has. */
export function hintOf({ hint }: WarningEvent): readonly string[] {
  return hint === undefined ? [] : [`hint: ${hint}`];
}

function samePlace(a: WarningEvent, b: WarningEvent | undefined): boolean {
  return (
    a.source === b?.source &&
    a.range?.startLine === b?.range?.startLine &&
    a.range?.endLine === b?.range?.endLine
  );
}

function sourceLines({ source, range }: WarningEvent): string[] {
  if (source === undefined || range === undefined) return [];
  const lines = source.split('\n').slice(range.startLine - 1, range.endLine);
  if (lines.length > MOST_LINES) return [];
  const digits = String(range.startLine + lines.length - 1).length;
  return lines.map((line, i) => {
    const number = String(range.startLine + i).padStart(digits);
    return `   ${number} | ${plain(withoutTabs(line.replace(/\r$/, '')))}`;
  });
}

/** Colours have no place in what is quoted here. */
function plain(text: string): string {
  return oneLine(text).replace(/\x1b\[[0-9;]*m/g, '');
}

/** At blanks, later lines indented; a word wider than a line is broken. */
function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  const words = text.split(/(?<=\S) /);
  let line = words.shift() ?? '';
  for (;;) {
    while (columnsOf(line) > width) {
      const head = cut(line, width).slice(0, -1);
      lines.push(head);
      line = indent + line.slice(head.length);
    }
    const word = words.shift();
    if (word === undefined) break;
    if (columnsOf(line) + 1 + columnsOf(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line];
}
