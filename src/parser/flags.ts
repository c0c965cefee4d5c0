import { nearest } from '../model/nearest.js';
import { notYet, Problem } from './problem.js';

export interface FlagSyntax {
  /** Flags that work. */
  readonly known: readonly string[];
  /** Flags of the language that are refused until they are built. */
  readonly later: readonly string[];
}

/** Flags directly after the keyword, and what follows them. */
export function readFlags(
  text: string,
  keyword: string,
  syntax: FlagSyntax,
): { flags: ReadonlyMap<string, string>; rest: string } {
  const flags = new Map<string, string>();
  let rest = text;
  for (;;) {
    const word = /^--(\S*)(?:\s+|$)/.exec(rest);
    if (word === null) return { flags, rest };
    rest = rest.slice(word[0].length);
    const body = word[1] ?? '';
    if (body === '') return { flags, rest };
    const at = body.indexOf('=');
    const name = at === -1 ? body : body.slice(0, at);
    checkName(name, keyword, syntax);
    if (flags.has(name)) throw new Problem(`duplicate flag specified: ${name}`);
    if (at === -1) throw new Problem(`missing a value on flag: ${name}`);
    flags.set(name, unquote(body.slice(at + 1)));
  }
}

function checkName(name: string, keyword: string, syntax: FlagSyntax): void {
  if (syntax.known.includes(name)) return;
  if (syntax.later.includes(name)) throw notYet(`${keyword} --${name}`);
  const near = nearest(name, [...syntax.known, ...syntax.later]);
  throw new Problem(
    `unknown flag: --${name}`,
    near === undefined
      ? { hint: knownFlags(keyword, syntax) }
      : { hint: `did you mean --${near}?` },
  );
}

function knownFlags(keyword: string, { known }: FlagSyntax): string {
  if (known.length === 0) return `${keyword} takes no flags`;
  return `${keyword} takes ${known.map((flag) => `--${flag}`).join(', ')}`;
}

function unquote(value: string): string {
  return /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
}
