import type { SourceRange } from '../../model/error.js';
import type { ParsedDockerfile } from '../instruction.js';

const DIRECTIVE = /^\s*#\s*(?:syntax|escape|check)\s*=/i;

/**
 * The comments above an instruction, without `#`: those since the instruction before it, or since a bare `#`. A blank
 * line does not part them (BuildKit's code; its documentation says otherwise). Parser directives are none.
 */
export function commentsAbove({ lines }: ParsedDockerfile, range: SourceRange): readonly string[] {
  const comments: string[] = [];
  const first = directiveLines(lines);
  for (let line = range.startLine - 2; line >= first; line--) {
    const text = (lines[line] ?? '').trim();
    if (text === '') continue;
    if (!text.startsWith('#')) break;
    const comment = text.slice(1).trim();
    if (comment === '') break;
    comments.unshift(comment);
  }
  return comments;
}

/** What a comment `# name description` above `FROM ... AS name` or `ARG name` says. */
export function descriptionOf(comments: readonly string[], name: string | undefined): string {
  if (name === undefined) return '';
  const found = comments.find((comment) => comment.startsWith(`${name} `));
  return found?.slice(name.length + 1) ?? '';
}

function directiveLines(lines: readonly string[]): number {
  let count = (lines[0] ?? '').startsWith('#!') ? 1 : 0;
  while (DIRECTIVE.test(lines[count] ?? '')) count++;
  return count;
}
