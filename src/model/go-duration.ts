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

/** Nanoseconds of a Go duration without sign (`1m30s`, `1.5h`, `0`); undefined when the text is none. */
export function goDuration(text: string): number | undefined {
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

/**
 * Milliseconds since the epoch: seconds since then, RFC 3339 (a date alone too), or a Go duration before `now`, as
 * docker takes times. Undefined for anything else.
 */
export function timeOrAgo(text: string, now: number): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const ago = goDuration(text);
  if (ago !== undefined) return now - ago / 1e6;
  const at = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** A duration in nanoseconds as Go prints it: `1m30s`, `1.5s`, `200ms`. */
export function goDurationText(ns: number): string {
  if (ns < 1e9) {
    const [amount, unit] = ns < 1e3 ? [ns, 'ns'] : ns < 1e6 ? [ns / 1e3, 'µs'] : [ns / 1e6, 'ms'];
    return ns === 0 ? '0s' : `${String(amount)}${unit}`;
  }
  const [hours, minutes] = [Math.floor(ns / 3600e9), Math.floor(ns / 60e9) % 60];
  const seconds = `${String((ns % 60e9) / 1e9)}s`;
  if (hours > 0) return `${String(hours)}h${String(minutes)}m${seconds}`;
  return minutes > 0 ? `${String(minutes)}m${seconds}` : seconds;
}
