import { BuildError } from '../../model/error.js';
import { ramInBytes } from '../../model/units.js';
import type { ParsedFlags } from '../flags.js';

/** What cannot be a flag's value, in docker's words. */
export function badValue(flag: string, value: string, why: string): BuildError {
  return new BuildError(
    'usage',
    `invalid argument ${JSON.stringify(value)} for "${flag}" flag: ${why}`,
  );
}

/** Checks of values, for `FlagSpec.check`: why a text is none, as Go's parsers say it. */
export function notWhole(text: string): string | undefined {
  if (/^[+-]?\d{1,15}$/.test(text)) return undefined;
  return `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
}

export function notNatural(text: string): string | undefined {
  if (/^\d{1,15}$/.test(text)) return undefined;
  return `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
}

/** `64m`, `1.5g`, bytes. */
export function notBytes(text: string): string | undefined {
  return ramInBytes(text) === undefined ? `invalid size: '${text}'` : undefined;
}

/** Of a flag whose spec has `notWhole` or `notNatural`; undefined when it was not given. */
export function wholeOf(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.text(name);
  return text === undefined ? undefined : Number(text);
}

/** Of a flag whose spec has `notBytes`; undefined when it was not given. */
export function bytesOf(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.text(name);
  return text === undefined ? undefined : ramInBytes(text);
}

/** A list of docker's JSON: null when nothing was given. */
export function listOf(flags: ParsedFlags, name: string): readonly string[] | null {
  const list = flags.list(name);
  return list.length === 0 ? null : list;
}

/** `NAME=VALUE` of each, without `=` an empty value; undefined when nothing was given. */
export function mapOf(
  flags: ParsedFlags,
  name: string,
): Readonly<Record<string, string>> | undefined {
  const list = flags.list(name);
  return list.length === 0 ? undefined : Object.fromEntries(list.map(pairOf));
}

function pairOf(text: string): [name: string, value: string] {
  const cut = text.indexOf('=');
  return cut === -1 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
}

/** Without the keys that were not given. */
export function given<T extends object>(part: { [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(
    Object.entries(part).filter(([, value]) => value !== undefined),
  ) as Partial<T>; // Only keys of T are left.
}
