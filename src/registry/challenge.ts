/** One way a server says it can be convinced (RFC 9110, 11.6.1). Names are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_HEADER = 64 << 10;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`, 'y');
const SCHEME = new RegExp(`[\\s,]*(${TOKEN})(?:\\s+|$|(?=,))`, 'y');
const SEPARATOR = /\s*,/y;

/** All challenges of `WWW-Authenticate`, several to a line or not; stops at what it cannot read. */
export function parseChallenges(header: string | string[] | undefined): readonly Challenge[] {
  const lines = header === undefined ? [] : Array.isArray(header) ? header : [header];
  return lines.flatMap((line) => (line.length > MAX_HEADER ? [] : parseLine(line)));
}

function parseLine(line: string): readonly Challenge[] {
  const found: Challenge[] = [];
  let at = 0;
  for (;;) {
    const scheme = match(SCHEME, line, at);
    if (scheme?.[1] === undefined) return found;
    at += scheme[0].length;
    const parameters = new Map<string, string>();
    for (let next = match(PARAMETER, line, at); next; next = match(PARAMETER, line, at)) {
      const [all, name = '', quoted, plain = ''] = next;
      at += all.length;
      parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain);
      const separator = match(SEPARATOR, line, at);
      if (separator === undefined) break;
      at += separator[0].length;
    }
    found.push({ scheme: scheme[1].toLowerCase(), parameters });
  }
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
