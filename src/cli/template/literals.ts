import { templateError } from './template-error.js';

const NAMED: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
};
const PARTS = /\\(?:x[\da-fA-F]{2}|[0-7]{3}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[^])|[^\\]+/g;

/** A Go string literal's text: `\n`, `\x41`, `\101`, `\u00e9`, `\U0001f600`; bytes are read as UTF-8. */
export function stringLiteral(quoted: string): string {
  const inner = quoted.slice(1, -1).match(PARTS) ?? [];
  return Buffer.concat(inner.map((part) => partBytes(part, '"'))).toString();
}

/** `'a'` is a number: its code point. */
export function characterLiteral(quoted: string): number {
  const parts = quoted.slice(1, -1).match(PARTS) ?? [];
  const text = Buffer.concat(parts.map((part) => partBytes(part, "'"))).toString();
  const [point, ...more] = Array.from(text, (char) => char.codePointAt(0) ?? 0);
  if (point === undefined || more.length > 0)
    throw templateError(`malformed character constant: ${quoted}`);
  return point;
}

function partBytes(part: string, quote: string): Buffer {
  if (!part.startsWith('\\')) return Buffer.from(part);
  const letter = part[1] ?? '';
  const digits = part.slice(2);
  if (letter === quote) return Buffer.from(quote);
  if (digits === '') return Buffer.of(NAMED[letter] ?? invalid());
  if (letter === 'x') return Buffer.of(parseInt(digits, 16));
  if (letter !== 'u' && letter !== 'U') return Buffer.of(octalByte(part.slice(1)));
  const point = parseInt(digits, 16);
  return Buffer.from(point > 0x10ffff ? invalid() : String.fromCodePoint(point));
}

function octalByte(digits: string): number {
  const value = parseInt(digits, 8);
  return value > 255 ? invalid() : value;
}

function invalid(): never {
  throw templateError('invalid syntax');
}

/** Go's numbers: `42`, `-1.5`, `1e3`, `0x1F`, `0b101`, `0o17`, `017`, `1_000`. */
export function numberLiteral(text: string): number {
  const [, sign = '', written = ''] = /^([-+]?)(.*)$/.exec(text) ?? [];
  const digits = written.replaceAll('_', '').replace(/^0(?=[0-7]+$)/, '0o');
  return Number(digits) * (sign === '-' ? -1 : 1) + 0;
}
