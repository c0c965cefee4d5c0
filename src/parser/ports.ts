import { Problem } from './problem.js';

/** EXPOSE words to `port/proto`, ranges expanded, sorted as text; an `ip:host:` part is tolerated and dropped. */
export function exposedPorts(words: readonly string[]): string[] {
  const ports = new Set(words.flatMap((word) => portsOf(word)));
  return [...ports].sort();
}

function portsOf(word: string): string[] {
  const [spec = '', proto = 'tcp', ...more] = word.split('/');
  const protocol = proto.toLowerCase();
  const port = spec.slice(spec.lastIndexOf(':') + 1);
  const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(port) ?? [];
  if (first === undefined || more.length > 0)
    throw new Problem(`invalid containerPort: ${word}`, {
      hint: 'write 80, 80/tcp or 8000-8010/udp',
    });
  if (!['tcp', 'udp', 'sctp'].includes(protocol))
    throw new Problem(`invalid proto: ${proto}`, { hint: 'use tcp, udp or sctp' });
  const [from, to] = [Number(first), Number(last ?? first)];
  if (from > to || to > 65_535) throw new Problem(`invalid range format for --expose: ${word}`);
  return Array.from({ length: to - from + 1 }, (_, i) => `${String(from + i)}/${protocol}`);
}
