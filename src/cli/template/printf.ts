import { goString, goType } from './print.js';

interface Verb {
  readonly verb: string;
  /** Of `-+# 0`. */
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

const VERB = /%([-+# 0]*)(\*|\d*)(?:\.(\d*))?(?:\[(\d+)\])?([^]|$)/gu;

/** Go's Printf: %v %s %q %d %b %o %x %X %c %U %f %e %g %t %T %%, flags, width, `*`, precision, `[n]`. */
export function goFormat(format: string, args: readonly unknown[]): string {
  let [next, reordered] = [0, false];
  const text = format.replace(VERB, (...match: string[]) => {
    const [, flags = '', stars = '', precision, place, verb = ''] = match;
    const width = stars === '*' ? Number(args[next++]) : Number(stars);
    if (verb === '%') return '%';
    if (verb === '') return '%!(NOVERB)';
    if (place !== undefined) [next, reordered] = [Number(place) - 1, true];
    if (next >= args.length) return `%!${verb}(${place === undefined ? 'MISSING' : 'BADINDEX'})`;
    const digits = precision === undefined ? undefined : Number(precision);
    return formatValue({ verb, flags, width, precision: digits }, args[next++]);
  });
  const left = reordered ? [] : args.slice(next);
  if (left.length === 0) return text;
  return `${text}%!(EXTRA ${left.map((each) => described(each)).join(', ')})`;
}

function described(value: unknown): string {
  return isNil(value) ? '<nil>' : `${goType(value)}=${goString(value)}`;
}

function isNil(value: unknown): boolean {
  return value === null || value === undefined;
}

function formatValue(how: Verb, value: unknown): string {
  if (how.verb === 'T') return padded(how, goType(value));
  if (how.verb === 'v' && isNil(value)) return padded(how, '<nil>');
  return element(how, value, `%!${how.verb}(<nil>)`);
}

/** Lists and maps are printed element by element; a nil in them is `<nil>` whatever the verb. */
function element(how: Verb, value: unknown, nil: string): string {
  if (isNil(value)) return nil;
  if (Array.isArray(value))
    return `[${value.map((each: unknown) => element(how, each, '<nil>')).join(' ')}]`;
  if (typeof value === 'object') {
    const pairs = Object.entries(value as Record<string, unknown>).sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const shown = pairs.map(
      ([key, each]) => `${element(how, key, '')}:${element(how, each, '<nil>')}`,
    );
    return `map[${shown.join(' ')}]`;
  }
  return scalar(how, value) ?? `%!${how.verb}(${described(value)})`;
}

/** Undefined when the verb is none for this type. */
function scalar(how: Verb, value: unknown): string | undefined {
  if (typeof value === 'string') return stringVerb(how, value);
  if (typeof value === 'number') return numberVerb(how, value);
  if (how.verb !== 'v' && how.verb !== 't') return undefined;
  return padded(how, goString(value));
}

function stringVerb(how: Verb, value: string): string | undefined {
  const { verb, flags, precision } = how;
  const text = precision === undefined ? value : Array.from(value).slice(0, precision).join('');
  switch (verb) {
    case 'v':
    case 's':
      return padded(how, text);
    case 'q':
      return padded(how, quoted(text, '"', flags.includes('+')));
    case 'x':
    case 'X': {
      const bytes = Array.from(Buffer.from(text), (byte) => byte.toString(16).padStart(2, '0'));
      const hex = bytes.join(flags.includes(' ') ? ' ' : '');
      return padded(how, verb === 'X' ? hex.toUpperCase() : hex);
    }
    default:
      return undefined;
  }
}

const BASES: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, x: 16, X: 16 };
const PREFIXES: Readonly<Record<string, string>> = { b: '0b', o: '0', x: '0x', X: '0X' };

function numberVerb(how: Verb, value: number): string | undefined {
  const { verb, flags } = how;
  if (/[eEfFgG]/.test(verb)) return signed(how, value, floatDigits(how, Math.abs(value)));
  if (!Number.isInteger(value))
    return verb === 'v' ? signed(how, value, goString(Math.abs(value))) : undefined;
  if (verb === 'c') return padded(how, String.fromCodePoint(value));
  if (verb === 'q') return padded(how, quoted(String.fromCodePoint(value), "'", false));
  if (verb === 'U') return padded(how, `U+${value.toString(16).toUpperCase().padStart(4, '0')}`);
  const base = BASES[verb];
  if (base === undefined) return undefined;
  const digits = Math.abs(value)
    .toString(base)
    .padStart(how.precision ?? 0, '0');
  const prefix = flags.includes('#') ? (PREFIXES[verb] ?? '') : '';
  return signed(how, value, prefix + (verb === 'X' ? digits.toUpperCase() : digits));
}

function floatDigits({ verb, precision }: Verb, value: number): string {
  const lower = verb.toLowerCase();
  let text = goString(value);
  if (lower === 'f') text = value.toFixed(precision ?? 6);
  else if (lower === 'e') text = value.toExponential(precision ?? 6);
  else if (precision !== undefined) text = generalDigits(value, Math.max(1, precision));
  text = text.replace(/e([-+])(\d)$/, 'e$10$2');
  return verb === lower ? text : text.toUpperCase();
}

/** C's `%.Ng`: N significant digits, no trailing zeros. */
function generalDigits(value: number, precision: number): string {
  const [digits = '', exponent = '0'] = value.toExponential(precision - 1).split('e');
  if (Number(exponent) < -4 || Number(exponent) >= precision)
    return `${digits.replace(/\.?0+$/, '')}e${exponent}`;
  return String(Number(value.toPrecision(precision)));
}

/** Sign, then zeros if asked for, then digits. */
function signed(how: Verb, value: number, digits: string): string {
  const { flags, width } = how;
  const sign = value < 0 ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  if (!flags.includes('0') || flags.includes('-'))
    return padded({ ...how, flags: flags.replaceAll('0', '') }, sign + digits);
  return sign + digits.padStart(width - sign.length, '0');
}

/** Width counts characters. */
function padded({ flags, width }: Verb, text: string): string {
  const gap = Math.max(0, width - Array.from(text).length);
  if (flags.includes('-')) return text + ' '.repeat(gap);
  return (flags.includes('0') ? '0' : ' ').repeat(gap) + text;
}

const SHORT: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

/** strconv.Quote. */
function quoted(text: string, quote: string, ascii: boolean): string {
  const hidden = ascii ? /[^\x20-\x7e]|\\/gu : /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|\\/gu;
  const inner = text
    .replace(hidden, (char) => SHORT[char] ?? escapedPoint(char.codePointAt(0) ?? 0))
    .replaceAll(quote, `\\${quote}`);
  return `${quote}${inner}${quote}`;
}

function escapedPoint(point: number): string {
  const hex = point.toString(16);
  if (point < 0x80) return `\\x${hex.padStart(2, '0')}`;
  return point > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
