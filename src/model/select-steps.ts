import type { SourceRange } from './error.js';

interface Named {
  /** `[builder 2/5] RUN make`. */
  readonly name: string;
  /** As in plain output; absent or 0 before anything was said of it. */
  readonly number?: number;
  readonly range?: SourceRange;
  /** As the Dockerfile has it, where that is known: a title has the variables' values. */
  readonly place?: { readonly text: string };
}

/**
 * The steps a person means: by the number of plain output (`5`, `#5`), the whole title, what stands in its brackets
 * (`builder 2/5`, `2/5`), its place as messages tell it (`Dockerfile:7`), or a part of the title or of the text in the
 * Dockerfile, however it is spaced. The first of these that finds any.
 */
export function selectSteps<Step extends Named>(
  wanted: string,
  steps: readonly Step[],
): readonly Step[] {
  const number = /^#?(\d+)$/.exec(wanted)?.[1];
  if (number !== undefined)
    return steps.filter((step) => step.number !== 0 && step.number === Number(number));
  const brackets = wanted.replace(/^\[(.*)\]$/, '$1');
  const part = comparable(wanted);
  const isIn = (text: string): boolean => part !== '' && comparable(text).includes(part);
  const ways: ((step: Step) => boolean)[] = [
    ({ name }) => name === wanted,
    ({ name }) => inBrackets(name) === brackets,
    ({ name }) => inBrackets(name)?.endsWith(` ${brackets}`) === true,
    ({ range }) => range !== undefined && isAt(wanted, range),
    ({ name }) => isIn(name),
    ({ place }) => place !== undefined && isIn(place.text),
  ];
  return ways.map((way) => steps.filter(way)).find(({ length }) => length > 0) ?? [];
}

/** `Dockerfile:7`, `path/Dockerfile:7`, `:7`. */
function isAt(wanted: string, { file, startLine, endLine }: SourceRange): boolean {
  const [, path = '', line] = /^([^\s:]*):(\d+)$/.exec(wanted) ?? [];
  const isFile = path === '' || file === path || file.endsWith(`/${path}`);
  return line !== undefined && isFile && startLine <= Number(line) && Number(line) <= endLine;
}

/** A step over several lines has one title. */
function comparable(text: string): string {
  return text
    .replace(/\\\r?\n/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

function inBrackets(name: string): string | undefined {
  return /^\[([^\]]*)\]/.exec(name)?.[1];
}
