import type { ParsedDockerfile } from './instruction.js';
import type { LowerOptions } from './lower-options.js';

/** Marks that turn the direction of writing, and characters of no width but the joiners that scripts and emoji need. */
const INVISIBLE = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069]|(?!^)\ufeff/;
const MAX_TOLD = 5;

/** Text that a reviewer sees otherwise than a shell does (CVE-2021-42574). */
export function warnOfInvisible(
  { file, lines }: Pick<ParsedDockerfile, 'file' | 'lines'>,
  { warn }: Pick<LowerOptions, 'warn'>,
): void {
  let told = 0;
  for (const [index, line] of lines.entries()) {
    const found = INVISIBLE.exec(line)?.[0];
    if (found === undefined) continue;
    const code = found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    const number = index + 1;
    warn?.({
      message: `line ${String(number)} holds the invisible character U+${code}: it may not say what it looks like`,
      range: { file, startLine: number, endLine: number },
    });
    if (++told === MAX_TOLD) return;
  }
}
