/** One line a container wrote, as conmon's k8s-file log keeps it. */
export interface LogLine {
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** The text with its newline, or a part of a line without one. */
  readonly text: Buffer;
}

const LINE = /^(\S+) (stdout|stderr) ([FP]) /;
const NEWLINE = 10;

/**
 * Lines of a k8s-file log (Kubernetes CRI logging format): `time stream F|P text`; P marks a part of a line, which the
 * next entry goes on with. A last line that is not complete yet is left: `rest` is where it begins.
 */
export function parseLog(bytes: Buffer): {
  readonly lines: readonly LogLine[];
  readonly rest: number;
} {
  const lines: LogLine[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
    const line = parseLine(bytes.subarray(start, end));
    if (line !== undefined) lines.push(line);
    start = end + 1;
  }
  return { lines, rest: start };
}

function parseLine(bytes: Buffer): LogLine | undefined {
  const head = LINE.exec(bytes.toString('latin1', 0, 64));
  if (head === null) return undefined; // A power cut may leave half a line.
  const [whole, time = '', stream, mark] = head;
  const text = bytes.subarray(whole.length);
  return {
    time,
    stream: stream === 'stderr' ? 'stderr' : 'stdout',
    text: mark === 'P' ? Buffer.from(text) : Buffer.concat([text, Buffer.of(NEWLINE)]),
  };
}

export interface LogFilter {
  /** Only the last so many whole lines. */
  readonly tail?: number;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly until?: number;
}

/** The lines a person asked for. Parts of one line count as one. */
export function selectLines(lines: readonly LogLine[], filter: LogFilter): readonly LogLine[] {
  const { since = -Infinity, until = Infinity, tail } = filter;
  const timely = lines.filter(({ time }) => {
    const at = Date.parse(time);
    return at >= since && at <= until;
  });
  if (tail === undefined) return timely;
  let start = timely.length;
  for (let count = 0; start > 0; start--) {
    const ends = timely[start - 1]?.text.at(-1) === NEWLINE || start === timely.length;
    if (ends && ++count > tail) break;
  }
  return timely.slice(start);
}
