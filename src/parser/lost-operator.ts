import type { Instruction, ParsedDockerfile } from './instruction.js';

/** A line of a RUN that looks like a command of its own, and what stands in it. */
export interface LostLine {
  /** The line before it, which an operator should end. */
  readonly line: number;
  readonly next: string;
}

/** Commands that are no one's arguments, as those of `apt-get install git make` are. */
const COMMANDS =
  /^(?:cd|mkdir|rm|cp|mv|ln|chmod|chown|touch|echo|export|set|apt|apt-get|apk|yum|dnf|pip3?|npm|yarn|wget|curl|\.\/\S+)\s+\S/;
/** A line that goes on, or sets variables for the command after it. */
const GOES_ON = /(?:[|&;({]|\b(?:do|then|else|in|exec|sudo|env|time|xargs|not)|(?:^|\s)\w+=\S*)$/;
const FLAGS = /^(?:RUN\b)?(?:\s*--\S+)*\s*$/i;

/** The first continuation line of a shell command that `&&` most likely should come before. */
export function lostLine(
  { range }: Pick<Instruction, 'range'>,
  { lines, directives }: Pick<ParsedDockerfile, 'lines' | 'directives'>,
): LostLine | undefined {
  let before: string | undefined;
  let at = range.startLine;
  for (let line = range.startLine; line <= range.endLine; line += 1) {
    const text = (lines[line - 1] ?? '').trim();
    if (text === '' || (text.startsWith('#') && before !== undefined)) continue;
    const command = COMMANDS.exec(text)?.[0];
    if (
      before !== undefined &&
      command !== undefined &&
      !GOES_ON.test(before) &&
      !FLAGS.test(before)
    )
      return { line: at, next: withoutEscape(text, directives.escape) };
    if (!text.endsWith(directives.escape)) return undefined;
    before = withoutEscape(text, directives.escape);
    at = line;
  }
  return undefined;
}

function withoutEscape(text: string, escape: string): string {
  return (text.endsWith(escape) ? text.slice(0, -escape.length) : text).trim();
}
