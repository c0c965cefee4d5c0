/** What Go's fmt prints for `%v` of decoded JSON: `[a b]`, `map[k:v]`, `<no value>`. */
export function goString(value: unknown): string {
  if (value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goString).join(' ')}]`;
  if (typeof value === 'object') {
    const keys = Object.keys(value).sort();
    return `map[${keys.map((key) => `${key}:${goString((value as Record<string, unknown>)[key])}`).join(' ')}]`;
  }
  return String(value); // eslint-disable-line @typescript-eslint/no-base-to-string -- objects are done above
}

/** Go's Printf for the verbs templates use: %s %v %d %q %t %x %f %%, with width, `-`, `0` and precision. */
export function goFormat(format: string, args: readonly unknown[]): string {
  let next = 0;
  return format.replace(/%([-0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g, (...match: string[]) => {
    const [, flags = '', width = '', precision, verb = ''] = match;
    if (verb === '%') return '%';
    if (next >= args.length) return `%!${verb}(MISSING)`;
    const text = formatOne(
      verb,
      args[next++],
      precision === undefined ? undefined : Number(precision),
    );
    const size = Number(width);
    if (flags.includes('-')) return text.padEnd(size);
    return text.padStart(size, flags.includes('0') && verb === 'd' ? '0' : ' ');
  });
}

function formatOne(verb: string, value: unknown, precision: number | undefined): string {
  switch (verb) {
    case 'q':
      return JSON.stringify(goString(value));
    case 'x':
      return typeof value === 'number'
        ? value.toString(16)
        : Buffer.from(goString(value)).toString('hex');
    case 'f':
      return Number(value).toFixed(precision ?? 6);
    case 'd':
      return typeof value === 'number'
        ? String(Math.trunc(value))
        : `%!d(string=${goString(value)})`;
    default: {
      const text = goString(value);
      return precision === undefined ? text : text.slice(0, precision);
    }
  }
}
