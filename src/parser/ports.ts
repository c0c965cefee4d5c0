import { Problem } from './problem.js';

const MAX_PORT = 65_535;
/** Told at once. */
const MAX_PROBLEMS = 10;

/**
 * EXPOSE words to `port/proto`, ranges expanded, in the order given. `[ip:][host port:]` before the port is checked
 * and dropped: an image publishes nothing.
 */
export function exposedPorts(words: readonly string[]): string[] {
  const problems: Problem[] = [];
  const ports: string[] = [];
  for (const word of words) {
    try {
      ports.push(...portsOf(word));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (problems.push(error) === MAX_PROBLEMS) break;
    }
  }
  const [first, ...more] = problems;
  if (first === undefined) return ports;
  throw more.length === 0 ? first : invalid(problems.map(({ message }) => message).join('; '));
}

function portsOf(word: string): string[] {
  const parts = word.split(':');
  const [target = ''] = parts.splice(-1);
  const [host = ''] = parts.splice(-1);
  const cut = target.indexOf('/');
  const port = cut === -1 ? target : target.slice(0, cut);
  if (port === '') throw invalid(`invalid port: ${JSON.stringify(word)}: no port specified`);
  const protocol = protocolOf(cut === -1 ? '' : target.slice(cut + 1));
  checkAddress(parts.join(':'));
  const range = rangeOf(port);
  if (range === undefined) throw invalid(`invalid containerPort: ${port}`);
  checkHostPort(host, port, range);
  const { first, count } = range;
  return Array.from({ length: count }, (_, i) => `${String(first + i)}/${protocol}`);
}

function protocolOf(written: string): string {
  const protocol = written.toLowerCase();
  if (['tcp', 'udp', 'sctp'].includes(protocol)) return protocol;
  if (protocol === '') return 'tcp';
  throw new Problem(`invalid proto: ${written}`, { hint: 'use tcp, udp or sctp' });
}

function checkAddress(address: string): void {
  const bare = /^\[(.*)\]$/.exec(address)?.[1] ?? address;
  if (bare !== '' && !isAddress(bare)) throw invalid(`invalid IP address: ${address}`);
}

function isAddress(text: string): boolean {
  if (text.includes(':')) return URL.canParse(`http://[${text}]`);
  const parts = text.split('.');
  return (
    parts.length === 4 &&
    parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  );
}

/** A range of the host fits a range of the same length, or a single port. */
function checkHostPort(host: string, port: string, range: Range): void {
  if (host === '') return;
  const published = rangeOf(host);
  if (published === undefined) throw invalid(`invalid hostPort: ${host}`);
  if (published.count !== range.count && range.count !== 1) {
    throw invalid(`invalid ranges specified for container and host Ports: ${port} and ${host}`);
  }
}

interface Range {
  readonly first: number;
  readonly count: number;
}

function rangeOf(text: string): Range | undefined {
  const [, from, to = from] = /^\+?(\d+)(?:-\+?(\d+))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === undefined || first > MAX_PORT || last > MAX_PORT || last < first) return undefined;
  return { first, count: last - first + 1 };
}

function invalid(message: string): Problem {
  return new Problem(message, { hint: 'write 80, 80/tcp or 8000-8010/udp' });
}
