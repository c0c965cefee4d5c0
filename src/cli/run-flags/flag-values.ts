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

/** A whole number; undefined when it was not given. */
export function wholeOf(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
  throw badValue(`--${name}`, text, 'not a whole number');
}

/** `64m`, `1.5g`, bytes; undefined when it was not given. */
export function bytesOf(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  const bytes = ramInBytes(text);
  if (bytes !== undefined) return bytes;
  throw badValue(`--${name}`, text, `invalid size: '${text}'`);
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
