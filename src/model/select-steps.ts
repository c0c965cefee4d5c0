interface Named {
  /** `[builder 2/5] RUN make`. */
  readonly name: string;
  /** As in plain output; absent or 0 before anything was said of it. */
  readonly number?: number;
}

/**
 * The steps a person means: by the number of plain output (`5`, `#5`), the whole title, what stands in its brackets
 * (`builder 2/5`, `2/5`), or a part of the title. The first of these that finds any.
 */
export function selectSteps<Step extends Named>(
  wanted: string,
  steps: readonly Step[],
): readonly Step[] {
  const number = /^#?(\d+)$/.exec(wanted)?.[1];
  if (number !== undefined)
    return steps.filter((step) => step.number !== 0 && step.number === Number(number));
  const brackets = wanted.replace(/^\[(.*)\]$/, '$1');
  const lower = wanted.toLowerCase();
  const ways: ((name: string) => boolean)[] = [
    (name) => name === wanted,
    (name) => inBrackets(name) === brackets,
    (name) => inBrackets(name)?.endsWith(` ${brackets}`) === true,
    (name) => lower !== '' && name.toLowerCase().includes(lower),
  ];
  return (
    ways.map((way) => steps.filter(({ name }) => way(name))).find(({ length }) => length > 0) ?? []
  );
}

function inBrackets(name: string): string | undefined {
  return /^\[([^\]]*)\]/.exec(name)?.[1];
}
