import type { Random } from './random.js';

/** What the languages here are made of. */
const TOKENS = [
  ...Array.from('\\`"\'${}<>-=:#%/?*+![]^@.,| \t\r\n\f\u00a0\ufeff\u2028é🖖0a_'),
  ...[
    '<<EOF',
    '<<-"E F"',
    '3<<A',
    '<<<',
    '\nEOF\n',
    '${A:-',
    '${B//',
    '${C##',
    '${D:?',
    '$A',
    '$$',
    '$1',
  ],
  ...[
    'FROM ',
    ' AS ',
    'RUN ',
    'COPY ',
    'ADD ',
    'ONBUILD ',
    'ARG ',
    'ENV ',
    'LABEL ',
    'EXPOSE ',
    'VOLUME ',
  ],
  ...[
    'HEALTHCHECK ',
    'CMD ',
    'SHELL ',
    'WORKDIR ',
    'USER ',
    'STOPSIGNAL ',
    'MAINTAINER ',
    'ENTRYPOINT ',
  ],
  ...[
    '--from=',
    '--mount=type=',
    '--chown=',
    '--link',
    '--',
    '["',
    '",',
    '"]',
    '\\\n',
    '`\n',
    '# escape=`\n',
  ],
  ...[
    '# syntax=docker/dockerfile:1\n',
    '# check=skip=all\n',
    '**/',
    '**',
    '!',
    '[a-',
    '[^',
    '../',
    './',
  ],
  ...[
    'scratch',
    'base',
    'constructor',
    '__proto__',
    'A=1',
    '99999999999999999999',
    '80-90/udp',
    '1h1.5m',
  ],
];

/** A text near to the given ones: some edits, often of pieces of another. */
export function mutate(random: Random, corpus: readonly string[]): string {
  let text = random.int(12) === 0 ? '' : random.pick(corpus);
  for (let edits = 1 + random.int(8); edits > 0; edits--) text = edit(text, random, corpus);
  return text.slice(0, 1 << 17);
}

function edit(text: string, random: Random, corpus: readonly string[]): string {
  const at = random.int(text.length + 1);
  const length = random.int(20);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  switch (random.int(7)) {
    case 0:
      return before + after.slice(length);
    case 1:
      return before + before.slice(Math.max(0, at - length)) + after;
    case 2: {
      const other = random.pick(corpus);
      const from = random.int(other.length + 1);
      return before + other.slice(from, from + random.int(80)) + after;
    }
    case 3:
      // Cost that grows with a power of the length shows when a piece is repeated.
      return before + random.pick(TOKENS).repeat(1 << random.int(16)) + after;
    case 4:
      return (
        before +
        (before.slice(Math.max(0, at - length)) + random.pick(TOKENS)).repeat(1 << random.int(10)) +
        after
      );
    default: {
      let tokens = '';
      for (let count = 1 + random.int(4); count > 0; count--) tokens += random.pick(TOKENS);
      return before + tokens + after;
    }
  }
}
