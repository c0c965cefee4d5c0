import { BuildError } from './error.js';
import { nearest } from './nearest.js';

/** `--filter key=value`, given any number of times: values by key. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/** Why a text is no `key=value`, in docker's words; undefined when it is one. */
export function notFilter(text: string): string | undefined {
  return text.indexOf('=') > 0 ? undefined : 'bad format of filter (expected name=value)';
}

/** Throws BuildError `usage`, in docker's words, on what is no filter or none of `known`. */
export function parseFilters(given: readonly string[], known: readonly string[]): Filters {
  const filters = new Map<string, string[]>();
  for (const text of given) {
    const at = text.indexOf('=');
    const why = notFilter(text);
    if (why !== undefined) {
      const shown = `invalid argument ${JSON.stringify(text)} for "-f, --filter" flag`;
      throw new BuildError('usage', `${shown}: ${why}`);
    }
    const key = text.slice(0, at).trim().toLowerCase();
    if (!known.includes(key)) {
      const near = nearest(key, known);
      throw new BuildError('usage', `invalid filter '${key}'`, {
        hint: near === undefined ? `filters are: ${known.join(', ')}` : `did you mean ${near}?`,
      });
    }
    filters.set(key, [...(filters.get(key) ?? []), text.slice(at + 1).trim()]);
  }
  return filters;
}

/** `name` or `name=value`; all that are given must be there (moby, filters.MatchKVList). */
export function matchLabels(
  wanted: readonly string[],
  labels: Readonly<Record<string, string>> = {},
): boolean {
  return wanted.every((text) => {
    const at = text.indexOf('=');
    const name = at === -1 ? text : text.slice(0, at);
    return Object.hasOwn(labels, name) && (at === -1 || labels[name] === text.slice(at + 1));
  });
}

/** True when any value is a part of the text, or a pattern that matches (moby, filters.Match); none given: true. */
export function matchAny(values: readonly string[] | undefined, text: string): boolean {
  if (values === undefined) return true;
  return values.some((value) => text === value || patternOf(value)?.test(text) === true);
}

function patternOf(value: string): RegExp | undefined {
  try {
    return new RegExp(value);
  } catch {
    return undefined; // A value that is no pattern is only a text.
  }
}
