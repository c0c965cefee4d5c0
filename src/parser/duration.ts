import { Problem } from './problem.js';

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** A Go duration (`1m30s`, `1.5h`) in nanoseconds. */
export function parseDuration(text: string, flag: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (text === '0') return 0;
  if (text === '' || parts.map((part) => part[0]).join('') !== text) {
    throw new Problem(`invalid duration ${JSON.stringify(text)} for --${flag}`, {
      hint: 'durations are like 30s, 1m30s or 500ms',
    });
  }
  const ns = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0),
    0,
  );
  if (ns !== 0 && ns < 1e6) throw new Problem(`--${flag} cannot be less than 1ms`);
  return Math.round(ns);
}
