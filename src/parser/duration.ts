import { Problem } from './problem.js';

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5, the micro sign
  μs: 1e3, // U+03BC, the Greek letter
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
/** A Go duration is an int64. */
const MAX = 2 ** 63;

/** A Go duration (`1m30s`, `1.5h`, `0`) in nanoseconds; nothing is 0, below a millisecond is refused. */
export function parseDuration(text: string, flag: string): number {
  if (text === '') return 0;
  const [sign = ''] = /^[+-]/.exec(text) ?? [];
  const ns = sum(text.slice(sign.length));
  if (ns === undefined) {
    throw new Problem(`invalid duration ${JSON.stringify(text)} for --${flag}`, {
      hint: 'durations are like 30s, 1m30s or 500ms',
    });
  }
  if (ns !== 0 && (ns < 1e6 || sign === '-'))
    throw new Problem(`--${flag} cannot be less than 1ms`);
  return ns;
}

/** Undefined when the text is no duration. */
function sum(text: string): number | undefined {
  if (text === '0') return 0;
  let ns = 0;
  let at = 0;
  while (at < text.length) {
    PART.lastIndex = at;
    const [part, count, unit] = PART.exec(text) ?? [];
    if (part === undefined) return undefined;
    ns += Math.trunc(Number(count) * (UNITS[unit ?? ''] ?? 0));
    at += part.length;
  }
  return text === '' || ns >= MAX ? undefined : ns;
}
