import { templateError } from './parse.js';
import { goFormat, goString } from './print.js';

export type TemplateFunction = (...args: readonly unknown[]) => unknown;

/** Go's truth: not empty, not zero, not nil. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '')
    return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** docker's template functions (docker/cli, templates.go) and Go's builtins. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => JSON.stringify(value ?? null),
  split: (text, separator) => text_(text).split(text_(separator)),
  join: (list, separator) => listOf(list).map(goString).join(text_(separator)),
  title: (text) => text_(text).replace(/(^|\s)\S/g, (found) => found.toUpperCase()),
  lower: (text) => text_(text).toLowerCase(),
  upper: (text) => text_(text).toUpperCase(),
  pad: (text, left, right) =>
    text_(text) === '' ? '' : ' '.repeat(Number(left)) + text_(text) + ' '.repeat(Number(right)),
  truncate: (text, length) => Buffer.from(text_(text)).subarray(0, Number(length)).toString(),
  println: (...args) => `${args.map(goString).join(' ')}\n`,
  print: (...args) => printed(args),
  printf: (format, ...args) => goFormat(text_(format), args),
  len: (value) => (typeof value === 'string' ? Buffer.byteLength(value) : lengthOf(value)),
  index: (value, ...keys) => keys.reduce(indexOf, value),
  slice: (value, from = 0, to?: unknown) =>
    sliceOf(value, Number(from), to === undefined ? undefined : Number(to)),
  eq: (first, ...others) => others.some((other) => same(first, other)),
  ne: (a, b) => !same(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  not: (value) => !isTrue(value),
  html: (...args) =>
    printed(args).replace(/[&<>"']/g, (char) => `&#${String(char.charCodeAt(0))};`),
  js: (...args) => JSON.stringify(printed(args)).slice(1, -1),
  urlquery: (...args) => encodeURIComponent(printed(args)),
};

function text_(value: unknown): string {
  return typeof value === 'string' ? value : goString(value);
}

/** fmt.Sprint: blanks between operands when neither is a string. */
function printed(args: readonly unknown[]): string {
  return args
    .map((arg, i) => {
      const gap = i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string';
      return (gap ? ' ' : '') + goString(arg);
    })
    .join('');
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'object' && value !== null) {
    return Object.keys(value)
      .sort()
      .map((key) => (value as Record<string, unknown>)[key]);
  }
  return value === undefined || value === null ? [] : [value];
}

function lengthOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw templateError(`len of ${goString(value)}`);
}

function indexOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value) && typeof key === 'number') {
    if (key < 0 || key >= value.length)
      throw templateError(`error calling index: index out of range: ${String(key)}`);
    return value[key];
  }
  if (typeof value === 'string' && typeof key === 'number') return Buffer.from(value)[key];
  if (typeof value === 'object' && value !== null)
    return (value as Record<string, unknown>)[text_(key)] ?? '';
  throw templateError(`can't index item of ${goString(value)}`);
}

function sliceOf(value: unknown, from: number, to: number | undefined): unknown {
  if (Array.isArray(value)) return value.slice(from, to);
  return Buffer.from(text_(value)).subarray(from, to).toString();
}

function same(a: unknown, b: unknown): boolean {
  return typeof a === 'object' ? JSON.stringify(a) === JSON.stringify(b) : a === b;
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [text_(a), text_(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}
