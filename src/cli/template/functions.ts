import { goString, goType } from './print.js';
import { goFormat } from './printf.js';
import { templateError } from './template-error.js';

/** A function of templates; `max` is absent when it takes any number of arguments. */
export interface TemplateFunction {
  readonly min: number;
  readonly max?: number;
  readonly call: (...args: readonly unknown[]) => unknown;
}

/** Go's truth: not empty, not zero, not nil. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '')
    return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** Called with the name, for errors. */
export function callFunction(
  name: string,
  { min, max, call }: TemplateFunction,
  args: readonly unknown[],
): unknown {
  if (args.length >= min && args.length <= (max ?? Infinity)) return call(...args);
  const want = min === max ? String(min) : `at least ${String(min)}`;
  throw templateError(`wrong number of args for ${name}: want ${want} got ${String(args.length)}`);
}

/** docker's template functions (docker/cli, templates.go). */
const DOCKERS: Readonly<Record<string, TemplateFunction>> = {
  json: of(1, (value) => ownJson(value) ?? goJson(value)),
  split: of(2, (text, separator) => stringOf(text).split(stringOf(separator))),
  join: of(2, (list, separator) => joined(list, stringOf(separator))),
  title: of(1, (text) =>
    stringOf(text).replace(/(?<![\p{L}\p{N}_])\p{L}/gu, (found) => found.toUpperCase()),
  ),
  lower: of(1, (text) => stringOf(text).toLowerCase()),
  upper: of(1, (text) => upperCase(stringOf(text))),
  pad: of(3, (text, left, right) => {
    const [before, after] = [countOf(left), countOf(right)];
    return text === '' ? '' : ' '.repeat(before) + stringOf(text) + ' '.repeat(after);
  }),
  truncate: of(2, (text, length) =>
    Buffer.from(stringOf(text)).subarray(0, countOf(length)).toString(),
  ),
};

/** Go's builtins; `and` and `or` are called only to count: they stop early, so execute.ts does them. */
const BUILTINS: Readonly<Record<string, TemplateFunction>> = {
  and: from(1, (...args) => args.at(-1)),
  or: from(1, (...args) => args.at(-1)),
  not: of(1, (value) => !isTrue(value)),
  println: from(0, (...args) => `${args.map(goString).join(' ')}\n`),
  print: from(0, (...args) => printed(args)),
  printf: from(1, (format, ...args) => goFormat(stringOf(format), args)),
  len: of(1, lengthOf),
  index: from(1, (value, ...keys) => keys.reduce(indexOf, value)),
  slice: { min: 1, max: 4, call: sliceOf },
  eq: from(1, (first, ...others) => {
    if (others.length === 0)
      throw templateError('error calling eq: missing argument for comparison');
    return others.some((other) => same('eq', first, other));
  }),
  ne: of(2, (a, b) => !same('ne', a, b)),
  lt: of(2, (a, b) => compare('lt', a, b) < 0),
  le: of(2, (a, b) => compare('le', a, b) <= 0),
  gt: of(2, (a, b) => compare('gt', a, b) > 0),
  ge: of(2, (a, b) => compare('ge', a, b) >= 0),
  html: from(0, (...args) => printed(args).replace(/[&<>"']/g, (char) => HTML[char] ?? char)),
  js: from(0, (...args) => scriptText(printed(args))),
  urlquery: from(0, (...args) => queryText(printed(args))),
};

export const functions: Readonly<Record<string, TemplateFunction>> = { ...BUILTINS, ...DOCKERS };

/** Headers of a table stay as they are, whatever is done to the cells (HeaderFunctions of templates.go). */
export const headerFunctions: Readonly<Record<string, TemplateFunction>> = {
  ...functions,
  ...Object.fromEntries(
    ['json', 'split', 'join', 'title', 'lower', 'upper', 'truncate'].map((name) => [
      name,
      from(1, (text) => text),
    ]),
  ),
};

function of(count: number, call: TemplateFunction['call']): TemplateFunction {
  return { min: count, max: count, call };
}

function from(min: number, call: TemplateFunction['call']): TemplateFunction {
  return { min, call };
}

function stringOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw templateError(`wrong type for value; expected string; got ${goType(value)}`);
}

function countOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw templateError(`wrong type for value; expected int; got ${goType(value)}`);
  if (value < 0) throw templateError(`negative count: ${String(value)}`);
  return value;
}

/** Of a value that says itself what its JSON is. */
export const TEXT = Symbol('its own JSON');

function ownJson(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !(TEXT in value)) return undefined;
  return typeof value[TEXT] === 'function' ? (value[TEXT] as () => string)() : undefined; // A row's.
}

export function goJson(value: unknown): string {
  return JSON.stringify(value ?? null).replace(
    /[\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16)}`,
  );
}

/** Go's letters one by one: `ß` stays. */
function upperCase(text: string): string {
  return Array.from(text, (char) => {
    const upper = char.toUpperCase();
    return upper.length > char.length ? char : upper;
  }).join('');
}

/** A list's elements, a map's values sorted. */
function joined(list: unknown, separator: string): string {
  if (list === undefined || list === null) return '';
  if (Array.isArray(list)) return list.map(goString).join(separator);
  if (typeof list !== 'object')
    throw templateError(`error calling join: expected slice, got ${goType(list)}`);
  return Object.values(list).map(goString).sort().join(separator);
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

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

function scriptText(text: string): string {
  return text.replace(/[\\'"<>&=\p{Cc}]/gu, (char) =>
    /[\\'"]/.test(char)
      ? `\\${char}`
      : `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  );
}

function queryText(text: string): string {
  const plain = encodeURIComponent(text).replaceAll('%20', '+');
  return plain.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw templateError(`error calling len: len of type ${goType(value)}`);
}

function indexOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value))
    return (value as readonly unknown[])[position('index', key, value.length - 1)];
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return bytes[position('index', key, bytes.length - 1)];
  }
  if (typeof value !== 'object' || value === null)
    throw templateError(`error calling index: can't index item of type ${goType(value)}`);
  if (typeof key !== 'string')
    throw templateError(`error calling index: value has type ${goType(key)}; should be string`);
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : '';
}

function position(name: string, key: unknown, last: number): number {
  if (typeof key !== 'number' || !Number.isInteger(key))
    throw templateError(`error calling ${name}: cannot index slice/array with type ${goType(key)}`);
  if (key < 0 || key > last)
    throw templateError(`error calling ${name}: index out of range: ${String(key)}`);
  return key;
}

function sliceOf(value: unknown, ...bounds: readonly unknown[]): unknown {
  const list = typeof value === 'string' ? Buffer.from(value) : value;
  if (!Array.isArray(list) && !Buffer.isBuffer(list))
    throw templateError(`error calling slice: can't slice item of type ${goType(value)}`);
  const [start = 0, end = list.length] = bounds.map((bound) =>
    position('slice', bound, list.length),
  );
  if (start > end)
    throw templateError(
      `error calling slice: invalid slice index: ${String(start)} > ${String(end)}`,
    );
  return Buffer.isBuffer(list)
    ? list.subarray(start, end).toString()
    : (list as readonly unknown[]).slice(start, end);
}

function same(name: string, a: unknown, b: unknown): boolean {
  const [x, y] = [a ?? null, b ?? null];
  if (x === null || y === null) return x === y;
  for (const each of [x, y]) {
    if (typeof each === 'object')
      throw templateError(`error calling ${name}: non-comparable type ${goType(each)}`);
  }
  if (typeof x !== typeof y)
    throw templateError(`error calling ${name}: incompatible types for comparison`);
  return x === y;
}

function compare(name: string, a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string')
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  const why = typeof a === typeof b ? 'invalid type' : 'incompatible types';
  throw templateError(`error calling ${name}: ${why} for comparison`);
}
